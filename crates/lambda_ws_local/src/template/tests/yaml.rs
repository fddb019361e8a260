use super::*;

#[test]
fn a_mistake_in_the_yaml_has_a_line_and_a_column() {
    let error = errors("Resources:\n  A: [1\n  B: 2\n");
    assert!(error.starts_with("template.yaml:3:"), "{error}");
    assert!(error.contains("the file is not valid YAML: "), "{error}");
}

#[test]
fn the_error_of_a_missing_file_contains_the_option() {
    let error = Template::read(Path::new("no/such.yaml"), &Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no/such.yaml: the file does not exist; pass the path of the template with --template"
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_file_that_is_not_a_template_is_a_problem() {
    insta::assert_snapshot!(
        [
            errors(""),
            errors("# nothing"),
            errors("a text"),
            errors("- a\n- list"),
            errors("Outputs: {}"),
            errors("Outputs: { A: b }"),
            errors("Resources: {}"),
            errors("Resources: { A: b }"),
            errors("Resources:\n  A: { Type: X, Properties: [] }"),
            errors("Resources: { A: { Type: T } }\n---\nmore: 1"),
            errors("? [a]\n: b"),
            errors("a: *b"),
        ]
        .join("\n")
    );
}

#[test]
fn a_duplicate_key_is_reported_with_both_lines() {
    let to = "      MemorySize: 256\n      CodeUri: other\n";
    let text = SAM.replace("      MemorySize: 256\n", to);
    let expected = "template.yaml:60: the key `CodeUri` is already defined on line 57";
    assert_eq!(errors(&text), expected);
}

#[test]
fn all_problems_are_reported_in_the_order_of_their_lines() {
    let text = SAM
        .replace("MemorySize: 256", "MemorySize: 1")
        .replace("BillingMode: PAY", "BillingMode: PLAY")
        .replacen("!GetAtt Chat.Arn", "!GetAtt Chatt.Arn", 1);
    insta::assert_snapshot!(errors(&text));
}

#[test]
fn anchors_aliases_and_merge_keys_are_expanded() {
    let to = "$connect: &route\n          FunctionArn: !GetAtt Chat.Arn";
    let text = SAM.replace("$connect:\n          FunctionArn: !GetAtt Chat.Arn", to);
    let to = "$disconnect: *route";
    let text = text.replace("$disconnect:\n          FunctionArn: !GetAtt Chat.Arn", to);
    let to = "sendMessage:\n          <<: *route";
    let text = text.replace("sendMessage:\n          FunctionArn: !GetAtt Chat.Arn", to);
    let routes = read(&text).apis[0].routes.clone();
    assert!(routes.len() == 4 && routes.iter().all(|route| route.function() == Some("Chat")));
}

#[test]
fn unquoted_booleans_are_normalized_and_numbers_are_not() {
    let environment = read(&with_variables(
        "",
        "V1: Yes\nV2: 'Yes'\nV3: 0012\nV4: 1.50\nV5: !!str true\nV6: FALSE",
    ))
    .functions[0]
        .environment
        .clone();
    let values: Vec<_> = environment.values().map(String::as_str).collect();
    assert_eq!(values, ["true", "Yes", "0012", "1.50", "true", "false"]);
}

#[test]
fn a_resource_of_another_provider_is_noted() {
    let text = SAM.replace("  Settings:\n", "  Mine:\n    Type: Custom::Thing\n  Nested:\n    Type: AWS::Serverless::Application\n  Bucket:\n    Type: AWS::S3::Bucket\n  Settings:\n");
    let to = "Transform: [AWS::Serverless-2016-10-31, MyMacro]";
    let text = text.replace("Transform: AWS::Serverless-2016-10-31", to);
    assert_eq!(
        notes(&text),
        [
            "line 2: the macro `MyMacro` does not run; the template is read as it is written",
            "line 91: `Mine` (Custom::Thing): only resources of AWS are supported",
            "line 93: `Nested` (AWS::Serverless::Application): the template of another stack is not read",
        ]
    );
}

#[test]
fn fault_f11_a_json_template_is_read_as_json() {
    let json = r#"{
  "Resources": {
    "Api": { "Type": "AWS::ApiGatewayV2::Api", "Properties": {
      "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action" } },
    "Stage": { "Type": "AWS::ApiGatewayV2::Stage", "Properties": {
      "ApiId": { "Ref": "Api" }, "StageName": "dev", "AutoDeploy": true,
      "StageVariables": { "rocket": "\ud83d\ude80", "slash": "a\/b", "tab": "\t", "quote": "\"\\", "number": 0.50,
        "off": "off", "<<": "merge" } } }
  }
}"#;
    for text in [
        json.to_owned(),
        format!("\u{feff}{json}"),
        json.replace('\n', "\r\n\t"),
    ] {
        let variables = read(&text).apis[0].stage_variables.clone();
        let values: Vec<_> = variables.values().map(String::as_str).collect();
        assert_eq!(values, ["merge", "0.50", "off", "\"\\", "🚀", "a/b", "\t"]);
    }
    let to = "\"StageName\": \"dev\", \"ApiId\": \"x\",";
    let twice = json.replace("\"StageName\": \"dev\",", to);
    let expected = "template.yaml:6: the key `ApiId` is already defined on line 6";
    assert_eq!(errors(&twice), expected);
    let half = json.replace("\\ude80", "");
    let error = errors(&half);
    let expected = "template.yaml:7:44: the file is not valid JSON: ";
    assert!(error.starts_with(expected), "{error}");
    let open = json.trim_end_matches('}');
    let error = errors(open);
    let expected = "template.yaml:10: the file is not valid JSON: EOF";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn yaml_in_braces_is_not_json() {
    let text = "{ Resources: { Table: { Type: AWS::Serverless::SimpleTable } }, # a comment\n \
                Transform: AWS::Serverless-2016-10-31, }";
    assert_eq!(read(text).tables.len(), 1);
    let quoted = text.replace("{ Resources", "{ \"Resources\"");
    assert_eq!(read(&quoted).tables.len(), 1);
    let error = errors("{ Resources: { a: ");
    assert!(error.contains("the file is not valid YAML"), "{error}");
}

#[test]
fn the_columns_of_json_are_counted_in_characters() {
    let report = crate::template::syntax::Report::default();
    let text = r#"{"é": ["é", 1, {"Ref": "a"}]}"#;
    let root = crate::template::syntax::read(text, &report).unwrap();
    let items = root.entries()[0].value.as_list().unwrap();
    let columns: Vec<_> = items.iter().map(|item| item.column).collect();
    assert_eq!(columns, [8, 13, 16]);
}
