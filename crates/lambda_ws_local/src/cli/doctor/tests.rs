use super::*;

/// Returns what the doctor says of a template.
fn examination(name: &str, text: &str) -> Examination {
    examination_by(name, text, LibraryRules::Detect)
}

fn examination_by(name: &str, text: &str, rules: LibraryRules) -> Examination {
    let examination = examine(text, Path::new(name), &Options::default(), rules);
    examination.expect("it is a template")
}

fn finding(weight: Weight) -> Finding {
    let examination = examination("t.yaml", include_str!("templates/mistakes.yaml"));
    let mut finding = examination.findings[0].clone();
    finding.check = "template";
    finding.weight = weight;
    (finding.line, finding.column, finding.cdk_path) = (0, 0, None);
    finding.what = "it is empty".into();
    finding.effect = String::new();
    finding.fix = "fill it".into();
    finding
}

#[test]
fn findings_are_counted() {
    let counted = |mistakes, remarks| {
        let mut findings = vec![finding(Weight::Mistake); mistakes];
        findings.extend(vec![finding(Weight::Remark); remarks]);
        let mut examination = examination("t.yaml", "Resources: {}");
        examination.findings = findings;
        let text = summary(Path::new("t.yaml"), &examination, Style::plain());
        text.split(" (").next().expect("a verdict").to_owned()
    };
    assert_eq!(counted(0, 0), "t.yaml: no known mistakes");
    assert_eq!(counted(0, 1), "t.yaml: no known mistakes, 1 remark");
    assert_eq!(counted(2, 0), "t.yaml: 2 mistakes");
    assert_eq!(counted(1, 2), "t.yaml: 1 mistake, 2 remarks");
}

#[test]
fn a_finding_without_a_place_is_shown_without_one() {
    let text = shown(
        &finding(Weight::Mistake),
        Path::new("t.yaml"),
        Style::plain(),
    );
    let expected = "t.yaml: mistake: it is empty [template]\n  fix: fill it";
    assert_eq!(text, expected);
}

/// The doctor's output for a template of a public shape.
fn output(name: &str, text: &str) -> String {
    output_by(name, text, LibraryRules::Detect)
}

fn output_by(name: &str, text: &str, rules: LibraryRules) -> String {
    let path = Path::new(name);
    let examination = examination_by(name, text, rules);
    let lines = examination.findings.iter();
    let mut lines: Vec<_> = lines.map(|one| shown(one, path, Style::plain())).collect();
    lines.push(summary(path, &examination, Style::plain()));
    lines.join("\n")
}

#[test]
fn a_sam_template_with_a_websocket_api() {
    let text = include_str!("templates/sam.yaml");
    insta::assert_snapshot!(output("sam.yaml", text));
}

#[test]
fn a_plain_cloudformation_template() {
    let text = include_str!("templates/cloudformation.yaml");
    insta::assert_snapshot!(output("cloudformation.yaml", text));
}

#[test]
fn a_template_synthesized_by_cdk() {
    let text = include_str!("templates/cdk.json");
    insta::assert_snapshot!(output("cdk.json", text));
}

/// A `WebSocketApi` and a `Function` without grants, a `WebSocketStage` without `autoDeploy`, and other mistakes.
#[test]
fn mistakes_in_constructs_have_fixes_in_terms_of_the_cdk() {
    let text = include_str!("templates/cdk-mistakes.json");
    insta::assert_snapshot!(output_by("cdk.json", text, LibraryRules::Always));
}

/// A `CfnApi` with its parts.
#[test]
fn mistakes_in_cfn_constructs_have_fixes_that_the_cdk_accepts() {
    let text = include_str!("templates/cdk-cfn.json");
    insta::assert_snapshot!(output_by("cdk.json", text, LibraryRules::Always));
}

/// A Lambda authorizer, a mock, a `TableV2`, and the custom resources of `logRetention` and `autoDeleteObjects`.
#[test]
fn a_correct_cdk_app_has_no_mistakes() {
    let text = include_str!("templates/cdk-granted.json");
    insta::assert_snapshot!(output_by("cdk.json", text, LibraryRules::Always));
}

/// The function is in another stack, so only AWS knows its ARN.
#[test]
fn a_function_of_another_stack_is_not_a_mistake() {
    let text = include_str!("templates/cdk-edge.json");
    insta::assert_snapshot!(output_by("cdk.json", text, LibraryRules::Always));
}

#[test]
fn a_template_compiled_by_the_serverless_framework() {
    let text = include_str!("templates/serverless.json");
    insta::assert_snapshot!(output("serverless.json", text));
}

#[test]
fn a_template_with_many_mistakes() {
    let text = include_str!("templates/mistakes.yaml");
    insta::assert_snapshot!(output("mistakes.yaml", text));
}
