use crate::template::{Options, Template, doctor};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of `cdk synth` with these stacks: their names and templates.
fn assembly(stacks: &[(&str, Value)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, value: &Value| {
        fs::write(folder.path().join(name), value.to_string()).expect("a file");
    };
    let mut artifacts = json!({});
    for (name, template) in stacks {
        let file = format!("{name}.template.json");
        write(&file, template);
        artifacts[*name] =
            json!({"type": "aws:cloudformation:stack", "properties": {"templateFile": file}});
    }
    write("manifest.json", &json!({"artifacts": artifacts}));
    let first = folder.path().join(format!("{}.template.json", stacks[0].0));
    (folder, first)
}

fn read(path: &Path) -> Template {
    Template::read(path, &Options::default()).expect("a template")
}

/// A stack with an API whose function has this ARN.
fn api(function: &Value) -> Value {
    let uri = [
        "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/",
        "/invocations",
    ];
    let uri = json!({"Fn::Join": ["", [uri[0], function, uri[1]]]});
    json!({"Resources": {
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {
            "Name": "chat", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"}},
        "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {
            "ApiId": {"Ref": "Api"}, "IntegrationType": "AWS_PROXY", "IntegrationUri": uri}},
        "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {
            "ApiId": {"Ref": "Api"}, "RouteKey": "$default",
            "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]}}},
        "Permission": {"Type": "AWS::Lambda::Permission", "Properties": {
            "Action": "lambda:InvokeFunction", "FunctionName": function, "Principal": "apigateway.amazonaws.com"}},
        "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {
            "ApiId": {"Ref": "Api"}, "StageName": "prod", "AutoDeploy": true}},
    }})
}

/// A stack with a function whose table has this name.
fn code(table: &Value) -> Value {
    json!({
        "Resources": {"Chat": {"Type": "AWS::Lambda::Function", "Properties": {
            "Code": {"S3Bucket": "assets", "S3Key": "1.zip"}, "Handler": "bootstrap", "Runtime": "provided.al2023",
            "Environment": {"Variables": {"CONNECTIONS_TABLE": table}}}}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Chat", "Arn"]}, "Export": {"Name": "Code:Arn"}}},
    })
}

fn data() -> Value {
    json!({
        "Resources": {"Connections": {"Type": "AWS::DynamoDB::Table", "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}}},
        "Outputs": {"Table": {"Value": {"Ref": "Connections"}, "Export": {"Name": "Data:Table"}}},
    })
}

fn import(name: &str) -> Value {
    json!({"Fn::ImportValue": name})
}

#[test]
fn the_function_and_the_table_of_other_stacks_are_read() {
    let output = |stack: &str, name: &str| {
        let region = json!({"Ref": "AWS::Region"});
        json!({"Fn::GetStackOutput": {"StackName": stack, "OutputName": name, "Region": region}})
    };
    for (arn, table) in [
        (import("Code:Arn"), import("Data:Table")),
        (output("Code", "Arn"), output("Data", "Table")),
    ] {
        let stacks = [
            ("Edge", api(&arn)),
            ("Code", code(&table)),
            ("Data", data()),
        ];
        let (_folder, path) = assembly(&stacks);
        let template = read(&path);
        assert_eq!(template.apis[0].routes[0].function(), Some("Chat"));
        let variables = &template.functions[0].environment;
        assert_eq!(variables["CONNECTIONS_TABLE"], "Connections");
        assert_eq!(template.tables[0].name, "Connections");
        assert_eq!(template.notes, []);
    }
}

#[test]
fn the_doctor_examines_functions_of_other_stacks() {
    let stacks = [
        ("Edge", api(&import("Code:Arn"))),
        ("Code", code(&import("Data:Table"))),
        ("Data", data()),
    ];
    let (_folder, path) = assembly(&stacks);
    let text = fs::read_to_string(&path).expect("a template");
    let rules = doctor::LibraryRules::Detect;
    let examination = doctor::examine(&text, &path, &Options::default(), rules);
    let examined = examination.expect("a template").examined.to_string();
    assert_eq!(examined, "1 WebSocket API, 1 route, 1 function");
}

#[test]
fn stacks_without_a_reference_are_not_read() {
    let (_folder, path) = assembly(&[("Edge", code(&json!("chat"))), ("Data", data())]);
    assert_eq!(read(&path).tables, []);
}

#[test]
fn an_api_of_another_stack_is_another_application() {
    let mut other = code(&json!("chat"));
    let apis = api(&json!(
        "arn:aws:lambda:us-east-1:000000000000:function:Other"
    ));
    other["Resources"]["OtherApi"] = apis["Resources"]["Api"].clone();
    let (_folder, path) = assembly(&[("Edge", api(&import("Code:Arn"))), ("Code", other)]);
    assert_eq!(read(&path).apis.len(), 1);
}

#[test]
fn a_resource_id_in_two_stacks_is_a_warning_with_a_fix() {
    let mut own = api(&import("Code:Arn"));
    own["Resources"]["Chat"] = json!({"Type": "AWS::SNS::Topic"});
    let (_folder, path) = assembly(&[("Edge", own), ("Code", code(&json!("chat")))]);
    let template = read(&path);
    let notes: Vec<_> = template.notes.iter().map(ToString::to_string).collect();
    let expected = "stack `Code` is not read, because both stacks contain a resource `Chat`; give one of them another construct id";
    assert!(
        notes.iter().any(|note| note.contains(expected)),
        "{notes:?}"
    );
}
