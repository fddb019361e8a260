use super::*;

fn parameter(declaration: &str) -> String {
    with_variables(
        &format!("Parameters:\n  Color: {declaration}"),
        "COLOR: !Ref Color",
    )
}

fn color(declaration: &str, given: &[(&str, &str)]) -> Result<String, String> {
    parse(&parameter(declaration), &options(given))
        .map(|template| template.functions[0].environment["COLOR"].clone())
}

#[test]
fn an_override_replaces_the_default() {
    let declaration = "{ Type: String, Default: red }";
    assert_eq!(color(declaration, &[]).unwrap(), "red");
    assert_eq!(color(declaration, &[("Color", "blue")]).unwrap(), "blue");
}

#[test]
fn a_parameter_without_a_value_is_an_error_where_it_is_required() {
    let text = parameter("{ Type: String }");
    let to = "      Timeout: !Ref Color\n      Runtime:";
    let named = text.replace("      Runtime:", to);
    let expected = "parameter `Color` has no default; set it with --parameter-overrides Color=...";
    assert!(errors(&named).contains(expected), "{}", errors(&named));
    assert!(parse(&named, &options(&[("Color", "7")])).is_ok());
    // In the environment, an unknown value is only a warning.
    assert_eq!(color("{ Type: String }", &[]).unwrap(), "");
}

#[test]
fn unused_parameters_without_a_value_are_ignored() {
    let sections = "Parameters:\n  Domain: { Type: String }\nConditions:\n  HasDomain: !Not [!Equals [!Ref Domain, '']]";
    let text = with_variables(sections, "V1: a").replace(
        "  Queue:\n",
        "  Record:\n    Type: AWS::Route53::RecordSet\n    Condition: HasDomain\n    Properties: { Name: !Ref Domain }\n  Queue:\n",
    );
    assert_eq!(read(&text).functions[0].environment["V1"], "a");
    // The condition of a table must be known.
    let text = text.replace("  Table:\n", "  Table:\n    Condition: HasDomain\n");
    let expected = "parameter `Domain` has no default";
    assert!(errors(&text).contains(expected), "{}", errors(&text));
}

#[test]
fn an_override_of_an_unknown_parameter_lists_the_parameters() {
    assert_eq!(
        color("{ Type: String, Default: red }", &[("Colour", "blue")]).unwrap_err(),
        "template.yaml: --parameter-overrides sets `Colour`, which is not a parameter of the template (parameters: Color)"
    );
}

#[test]
fn constraints_are_checked() {
    let mistakes = [
        (
            "{ Type: String, Default: red, AllowedValues: [red, blue] }",
            "green",
        ),
        (
            "{ Type: String, Default: red, AllowedPattern: '[a-z]+' }",
            "Green",
        ),
        ("{ Type: String, Default: red, MaxLength: 3 }", "green"),
        ("{ Type: String, Default: red, MinLength: 3 }", "re"),
        ("{ Type: Number, Default: 3, MinValue: 2 }", "1"),
        ("{ Type: Number, Default: 3, MaxValue: 5 }", "6"),
        ("{ Type: Number, Default: 3 }", "three"),
        (
            "{ Type: CommaDelimitedList, Default: 'red', AllowedValues: [red, blue] }",
            "red,green",
        ),
    ];
    let mistakes =
        mistakes.map(|(declaration, value)| color(declaration, &[("Color", value)]).unwrap_err());
    insta::assert_snapshot!(mistakes.join("\n"));
}

#[test]
fn an_unsupported_pattern_is_noted() {
    let text = parameter("{ Type: String, Default: red, AllowedPattern: '(?=r).*' }");
    let expected = ["line 3: the pattern `(?=r).*` is not checked locally"];
    assert_eq!(notes(&text), expected);
}

#[test]
fn a_list_parameter_is_split_at_commas() {
    let sections = "Parameters:\n  Colors: { Type: CommaDelimitedList, Default: 'red, blue' }";
    let variables = "ONE: !Select [1, !Ref Colors]\nALL: !Join ['/', !Ref Colors]";
    let text = with_variables(sections, variables);
    let environment = &read(&text).functions[0].environment;
    assert_eq!(&*environment["ONE"], "blue");
    assert_eq!(&*environment["ALL"], "red/blue");
}

#[test]
fn a_stored_parameter_requires_a_local_value_only_where_it_is_used() {
    let declaration = "{ Type: 'AWS::SSM::Parameter::Value<String>', Default: /chat/color }";
    let to = "      Timeout: !Ref Color\n      Runtime:";
    let named = parameter(declaration).replace("      Runtime:", to);
    let expected = "is stored on AWS; set a local value with --parameter-overrides Color=...";
    assert!(errors(&named).contains(expected), "{}", errors(&named));
    assert_eq!(color(declaration, &[("Color", "red")]).unwrap(), "red");
    let sections = format!("Parameters:\n  Color: {declaration}");
    assert!(parse(&with_variables(&sections, "V1: a"), &Options::default()).is_ok());
}

#[test]
fn fault_h2_both_templates_accept_a_concurrency_limit() {
    let texts = [
        include_str!("../../../../../template.yaml").to_owned(),
        include_str!("../../../new/sam/template.yaml").replace("{{ project_name }}", "chat"),
    ];
    for text in texts {
        let name = "ReservedConcurrentExecutions";
        for good in ["", "1", "100"] {
            assert!(parse(&text, &options(&[(name, good)])).is_ok(), "`{good}`");
        }
        for bad in ["0", "-1", "many", "1.5"] {
            let error = parse(&text, &options(&[(name, bad)])).unwrap_err();
            assert!(error.contains(name), "`{bad}`: {error}");
        }
    }
}
