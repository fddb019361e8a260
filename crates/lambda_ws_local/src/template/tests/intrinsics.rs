use super::*;

fn value(sections: &str, expression: &str) -> String {
    let template = read(&with_variables(sections, &format!("V1: {expression}")));
    let value = template.functions[0].environment.get("V1");
    value.cloned().unwrap_or("(none)".to_owned())
}

fn error(sections: &str, expression: &str) -> String {
    errors(&with_variables(sections, &format!("V1: {expression}")))
}

/// Returns the error of a value that a function requires.
fn error_of_timeout(expression: &str) -> String {
    let text = with_variables("", "V1: a");
    let timeout = format!("      Timeout: {expression}\n      Handler:");
    errors(&text.replace("      Handler:", &timeout))
}

#[test]
fn short_and_long_forms_are_equal() {
    for (short, long, expected) in [
        ("!Ref AWS::Region", "{ Ref: AWS::Region }", "us-east-1"),
        (
            "!Sub a-${AWS::AccountId}",
            "{ 'Fn::Sub': 'a-${AWS::AccountId}' }",
            "a-000000000000",
        ),
        (
            "!GetAtt Chat.Arn",
            "{ 'Fn::GetAtt': [Chat, Arn] }",
            "arn:aws:lambda:us-east-1:000000000000:function:Chat",
        ),
        (
            "!Join ['-', [a, !Ref Table]]",
            "{ 'Fn::Join': ['-', [a, { Ref: Table }]] }",
            "a-Table",
        ),
        (
            "!Select [1, !Split [',', 'x,y']]",
            "{ 'Fn::Select': ['1', { 'Fn::Split': [',', 'x,y'] }] }",
            "y",
        ),
    ] {
        assert_eq!(value("", short), expected, "{short}");
        assert_eq!(value("", long), expected, "{long}");
    }
}

#[test]
fn a_substitution_has_variables_and_literals() {
    let expression = "!Sub ['${a}/${!b}/${Table}/${', { a: !Ref AWS::StackName }]";
    assert_eq!(value("", expression), "local/${b}/Table/${");
}

#[test]
fn mappings_are_evaluated() {
    let mappings = "Mappings:\n  Sizes:\n    us-east-1: { small: 1 }";
    let found = "!FindInMap [Sizes, !Ref AWS::Region, small]";
    assert_eq!(value(mappings, found), "1");
    let default = "!FindInMap [Sizes, eu, small, { DefaultValue: 2 }]";
    assert_eq!(value(mappings, default), "2");
    let error = error(mappings, "!FindInMap [Sizes, eu, small]");
    let expected = "`Mappings` has no value for `Sizes`, `eu`, `small`";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn conditions_select_values_and_resources() {
    let conditions = "Conditions:
  Here: !Equals [!Ref AWS::Region, us-east-1]
  There: !Not [!Condition Here]
  Both: !And [!Condition Here, !Condition There]
  Any: !Or [!Condition Here, { Condition: There }]";
    for (expression, expected) in [
        ("!If [Here, yes!, no!]", "yes!"),
        ("!If [There, yes!, no!]", "no!"),
        ("!If [Both, yes!, no!]", "no!"),
        ("!If [Any, yes!, no!]", "yes!"),
        ("!If [There, a, !Ref AWS::NoValue]", "(none)"),
    ] {
        assert_eq!(value(conditions, expression), expected, "{expression}");
    }
    let with_condition = |variable: &str| {
        let text = with_variables(conditions, variable);
        text.replace("  Table:\n", "  Table:\n    Condition: There\n")
    };
    assert!(read(&with_condition("V1: a")).tables.is_empty());
    let text = with_condition("V1: !Ref Table");
    assert!(errors(&text).ends_with("`Table` does not exist, because its condition is false"));
}

#[test]
fn an_item_that_is_not_selected_can_be_unknown() {
    assert_eq!(value("", "!Select [0, [a, !Ref Queue]]"), "a");
    let condition = "Conditions: { Here: !Equals [a, a] }";
    assert_eq!(value(condition, "!If [Here, a, !Ref Queue]"), "a");
}

#[test]
fn a_mistake_in_a_function_is_a_problem() {
    insta::assert_snapshot!(
        [
            error("", "!Ref Tabel"),
            error("", "!Ref [a]"),
            error("", "!GetAtt Table"),
            error_of_timeout("!GetAtt Table.StreamArn"),
            error("", "!Sub ${Tabel}"),
            error("", "!Join [a]"),
            error("", "!Select [2, [a, b]]"),
            error("", "!Split ['', a]"),
            error("", "!If [Here, a, b]"),
            error_of_timeout("!ImportValue other"),
            error_of_timeout("!Base64 a"),
            error("", "!Reff Table"),
        ]
        .join("\n")
    );
}

#[test]
fn a_circular_reference_is_a_problem() {
    let table = "    Type: AWS::Serverless::SimpleTable\n";
    let named = format!("{table}    Properties: {{ TableName: !Sub '${{Chat}}-a' }}\n");
    let text = with_variables("", "V1: !Ref Table").replace(table, &named);
    let to = "      FunctionName: !Sub ${Table}-b\n      Runtime:";
    let text = text.replace("      Runtime:", to);
    let expected = "circular reference: `Ref Table` -> `Ref Chat` -> `Ref Table`";
    assert!(errors(&text).contains(expected), "{}", errors(&text));
    let conditions = "Conditions:\n  A: !Not [!Condition B]\n  B: !Not [!Condition A]";
    assert!(error(conditions, "!If [A, a, b]").contains("circular reference: "));
}
