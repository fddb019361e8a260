use crate::template::{Options, Template, doctor};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The output of `cdk synth` with these files. The first one is a template.
fn written(files: &[(&str, Value)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, value) in files {
        fs::write(folder.path().join(name), value.to_string()).expect("a file");
    }
    let first = folder.path().join(files[0].0);
    (folder, first)
}

fn read(path: &Path) -> Template {
    Template::read(path, &Options::default()).expect("a template")
}

fn examination(path: &Path) -> doctor::Examination {
    let text = fs::read_to_string(path).expect("a template");
    let rules = doctor::LibraryRules::Always;
    doctor::examine(&text, path, &Options::default(), rules).expect("a template")
}

fn nested(file: &str, parameters: &Value) -> Value {
    json!({"Type": "AWS::CloudFormation::Stack",
        "Properties": {"Parameters": parameters, "TemplateURL": {"Fn::Sub": "https://s3.${AWS::URLSuffix}/1.json"}},
        "Metadata": {"aws:cdk:path": "tea/Net.NestedStack/Net.NestedStackResource",
            "aws:asset:path": file, "aws:asset:property": "TemplateURL"}})
}

/// A nested stack with a table.
fn data() -> Value {
    json!({
        "Resources": {"Connections": {"Type": "AWS::DynamoDB::Table", "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "TimeToLiveSpecification": {"AttributeName": "exp", "Enabled": true}},
            "Metadata": {"aws:cdk:path": "tea/Data/Connections/Resource"}},
            "CDKMetadata": {"Type": "AWS::CDK::Metadata", "Condition": "CDKMetadataAvailable"}},
        "Conditions": {"CDKMetadataAvailable": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}},
        "Outputs": {"teaConnectionsRef": {"Value": {"Ref": "Connections"}}},
    })
}

/// A nested stack with a function that gets the name of its table.
fn code() -> Value {
    json!({
        "Parameters": {"referencetoteaConnectionsRef": {"Type": "String"}},
        "Resources": {"Chat": {"Type": "AWS::Lambda::Function", "Properties": {
            "Code": {"S3Bucket": "assets", "S3Key": "1.zip"}, "Handler": "bootstrap", "Runtime": "provided.al2023",
            "Timeout": 29, "Role": "arn:aws:iam::000000000000:role/chat",
            "Environment": {"Variables": {
                "CONNECTIONS_TABLE": {"Ref": "referencetoteaConnectionsRef"},
                "TITLE": {"Fn::Sub": "table ${referencetoteaConnectionsRef} of ${!x}"}}}},
            "Metadata": {"aws:cdk:path": "tea/Code/Chat/Resource"}}},
        "Outputs": {"teaChatArn": {"Value": {"Fn::GetAtt": ["Chat", "Arn"]}}},
    })
}

/// A nested stack with an API that gets the ARN of its function.
fn net() -> Value {
    let function = json!({"Ref": "referencetoteaChatArn"});
    let uri = json!({"Fn::Join": ["", ["arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/", function, "/invocations"]]});
    json!({
        "Parameters": {"referencetoteaChatArn": {"Type": "String"}},
        "Resources": {
            "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {
                "Name": "chat", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"},
                "Metadata": {"aws:cdk:path": "tea/Net/Api/Resource"}},
            "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {
                "ApiId": {"Ref": "Api"}, "IntegrationType": "AWS_PROXY", "IntegrationUri": uri}},
            "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {
                "ApiId": {"Ref": "Api"}, "RouteKey": "$default",
                "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]}},
                "Metadata": {"aws:cdk:path": "tea/Net/Api/$default-Route/Resource"}},
            "Permission": {"Type": "AWS::Lambda::Permission", "Properties": {
                "Action": "lambda:InvokeFunction", "FunctionName": function, "Principal": "apigateway.amazonaws.com"}},
            "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {
                "ApiId": {"Ref": "Api"}, "StageName": "prod", "AutoDeploy": true}}},
        "Outputs": {"teaApiRef": {"Value": {"Ref": "Api"}}},
    })
}

/// An app with three nested stacks, which get each other's outputs.
fn app() -> Vec<(&'static str, Value)> {
    let output =
        |stack: &str, name: &str| json!({"Fn::GetAtt": [stack, format!("Outputs.{name}")]});
    let table = json!({"referencetoteaConnectionsRef": output("Data", "teaConnectionsRef")});
    let function = json!({"referencetoteaChatArn": output("Code", "teaChatArn")});
    let root = json!({"Resources": {
        "Data": nested("data.nested.template.json", &json!({})),
        "Code": nested("code.nested.template.json", &table),
        "Net": nested("net.nested.template.json", &function),
    }});
    vec![
        ("tea.template.json", root),
        ("data.nested.template.json", data()),
        ("code.nested.template.json", code()),
        ("net.nested.template.json", net()),
    ]
}

#[test]
fn the_api_the_function_and_the_table_of_nested_stacks_are_read() {
    let (_folder, path) = written(&app());
    let template = read(&path);
    assert_eq!(template.apis[0].routes[0].function(), Some("Chat"));
    assert_eq!(template.apis[0].stage, "prod");
    let variables = &template.functions[0].environment;
    assert_eq!(variables["CONNECTIONS_TABLE"], "Connections");
    assert_eq!(variables["TITLE"], "table Connections of ${x}");
    assert_eq!(template.tables[0].name, "Connections");
    assert_eq!(template.notes, []);
}

#[test]
fn the_doctor_names_constructs_of_nested_stacks() {
    let mut files = app();
    files[3].1["Resources"]["Permission"] = json!({"Type": "AWS::SNS::Topic"});
    let (_folder, path) = written(&files);
    let examination = examination(&path);
    let examined = &examination.examined;
    assert_eq!(examined.to_string(), "1 WebSocket API, 1 route, 1 function");
    let finding = examination.findings.iter();
    let mut finding = finding.filter(|one| one.check == "lambda-permission");
    let finding = finding.next().expect("no permission");
    let text = format!("{} {} {}", finding.what, finding.effect, finding.fix);
    assert!(text.contains("`tea/Code/Chat`"), "{text}");
    assert!(!text.contains("`Chat`"), "{text}");
    assert_eq!(
        finding.cdk_path.as_deref(),
        Some("tea/Net/Api/$default-Route/Resource")
    );
}

#[test]
fn a_nested_stack_inside_a_nested_stack_is_read() {
    let mut files = app();
    let root = files[0].1.clone();
    files[0].1 = json!({"Resources": {"All": nested("all.nested.template.json", &json!({}))}});
    files.push(("all.nested.template.json", root));
    let (_folder, path) = written(&files);
    let template = read(&path);
    assert_eq!(template.apis[0].routes[0].function(), Some("Chat"));
    assert_eq!(
        template.functions[0].environment["CONNECTIONS_TABLE"],
        "Connections"
    );
}

#[test]
fn two_nested_stacks_with_the_same_ids_are_told_apart() {
    let mut files = app();
    files[0].1["Resources"]["Orders"] = json!({});
    let resources = &mut files[0].1["Resources"];
    let output =
        |stack: &str, name: &str| json!({"Fn::GetAtt": [stack, format!("Outputs.{name}")]});
    resources["Orders"] = nested("data.nested.template.json", &json!({}));
    let table = json!({"referencetoteaConnectionsRef": output("Orders", "teaConnectionsRef")});
    resources["Work"] = nested("code.nested.template.json", &table);
    let (_folder, path) = written(&files);
    let template = read(&path);
    let of = |id: &str| {
        let mut functions = template.functions.iter();
        let function = functions.find(|one| one.logical_id == id);
        function.expect("a function").environment["CONNECTIONS_TABLE"].clone()
    };
    assert_eq!(of("Chat"), "Connections");
    assert_eq!(of("WorkChat"), "OrdersConnections");
    assert_eq!(template.tables.len(), 2);
}

#[test]
fn parameters_have_the_values_of_the_parent_or_their_defaults() {
    let mut files = app();
    let code = &mut files[2].1;
    code["Parameters"]["Stage"] = json!({"Type": "String", "Default": "dev"});
    code["Parameters"]["Names"] = json!({"Type": "CommaDelimitedList"});
    code["Parameters"]["Secret"] = json!({"Type": "AWS::SSM::Parameter::Value<String>"});
    let variables = &mut code["Resources"]["Chat"]["Properties"]["Environment"]["Variables"];
    variables["STAGE"] = json!({"Ref": "Stage"});
    variables["SECOND"] = json!({"Fn::Select": ["1", {"Ref": "Names"}]});
    variables["SECRET"] = json!({"Ref": "Secret"});
    let parameters = &mut files[0].1["Resources"]["Code"]["Properties"]["Parameters"];
    parameters["Names"] = json!("ann,bob");
    parameters["Secret"] = json!("/tea/secret");
    // The parent has a parameter with the same name.
    files[0].1["Parameters"] = json!({"Stage": {"Type": "String", "Default": "prod"}});
    let (_folder, path) = written(&files);
    let template = read(&path);
    let variables = &template.functions[0].environment;
    assert_eq!(variables["STAGE"], "dev");
    assert_eq!(variables["SECOND"], "bob");
    assert!(variables.get("SECRET").is_none_or(String::is_empty));
    let notes: Vec<_> = template.notes.iter().map(ToString::to_string).collect();
    let expected = "variable `SECRET` of function `Chat` is empty: parameter `Secret` has no default; set it with --env SECRET=VALUE";
    assert_eq!(notes, [expected]);
}

#[test]
fn the_condition_of_a_nested_stack_is_that_of_its_resources() {
    for (value, count) in [("true", 1), ("false", 0)] {
        let mut files = app();
        files[0].1["Conditions"] = json!({"Wanted": {"Fn::Equals": [value, "true"]}});
        files[0].1["Resources"]["Orders"] = nested("orders.nested.template.json", &json!({}));
        files[0].1["Resources"]["Orders"]["Condition"] = json!("Wanted");
        let mut orders = data();
        orders["Conditions"] = json!({
            "Never": {"Fn::Equals": ["1", "2"]},
            "Wanted": {"Fn::Equals": ["1", "1"]},
        });
        let table = orders["Resources"]["Connections"].clone();
        orders["Resources"] = json!({"First": table, "Second": table, "Third": table});
        orders["Resources"]["Second"]["Condition"] = json!("Never");
        orders["Resources"]["Third"]["Condition"] = json!("Wanted");
        orders["Outputs"] = json!({});
        files.push(("orders.nested.template.json", orders));
        let (_folder, path) = written(&files);
        let template = read(&path);
        let mut names: Vec<_> = template.tables.iter().map(|one| &*one.name).collect();
        names.retain(|name| *name != "Connections");
        assert_eq!(names, ["First", "Third"][..2 * count], "{value}");
    }
}

#[test]
fn a_deployment_that_waits_for_a_nested_stack_waits_for_its_routes() {
    let mut files = app();
    let stage = &mut files[3].1["Resources"]["Stage"]["Properties"];
    stage["AutoDeploy"] = json!(false);
    stage["DeploymentId"] = json!({"Ref": "Deployment"});
    let api = json!({"Ref": "Api"});
    let deployment = json!({"Type": "AWS::ApiGatewayV2::Deployment", "Properties": {"ApiId": api}});
    let route = files[3].1["Resources"]["Route"].take();
    let integration = files[3].1["Resources"]["Integration"].take();
    let uses = |waits: bool, files: &[(&'static str, Value)]| {
        let mut files = files.to_vec();
        let net = files[3].1["Resources"].as_object_mut().expect("a map");
        net.retain(|_, one| !one.is_null());
        net.insert("Deployment".to_owned(), deployment.clone());
        net["Stage"]["Properties"]["DeploymentId"] = json!({"Ref": "Deployment"});
        let routes = json!({"referencetoteaChatArn": {"Ref": "referencetoteaChatArn"}, "Api": {"Ref": "Api"}});
        net.insert(
            "Routes".to_owned(),
            nested("routes.nested.template.json", &routes),
        );
        if waits {
            net["Deployment"]["DependsOn"] = json!(["Routes"]);
        }
        let parameters =
            json!({"referencetoteaChatArn": {"Type": "String"}, "Api": {"Type": "String"}});
        let resources = json!({"Route": route, "Integration": integration});
        files.push((
            "routes.nested.template.json",
            json!({"Parameters": parameters, "Resources": resources}),
        ));
        let (_folder, path) = written(&files);
        let found = examination(&path).findings;
        found.iter().any(|one| one.check == "deployment")
    };
    assert!(uses(false, &files));
    assert!(!uses(true, &files));
}

#[test]
fn a_nested_stack_without_its_template_is_left_out_with_a_note() {
    let mut files = app();
    files.remove(1);
    let (_folder, path) = written(&files);
    let notes: Vec<_> = read(&path).notes.iter().map(ToString::to_string).collect();
    let expected = "`Data` (AWS::CloudFormation::Stack): the template of another stack is not read";
    assert!(
        notes.iter().any(|note| note.contains(expected)),
        "{notes:?}"
    );
}

#[test]
fn a_nested_stack_that_contains_itself_ends() {
    let root = json!({"Resources": {"Again": nested("tea.template.json", &json!({}))}});
    let (_folder, path) = written(&[("tea.template.json", root)]);
    assert_eq!(read(&path).functions, []);
}

#[test]
fn nested_stacks_that_contain_each_other_end_before_their_values_grow() {
    let twice = json!({"Fn::Join": ["", [{"Ref": "Name"}, {"Ref": "Name"}]]});
    let around = |file: &str| {
        let mut template = data();
        template["Parameters"] = json!({"Name": {"Type": "String", "Default": "tea"}});
        template["Resources"]["Connections"]["Properties"]["TableName"] = twice.clone();
        template["Resources"]["Again"] = nested(file, &json!({"Name": twice}));
        template
    };
    let (_folder, path) = written(&[
        ("tea.template.json", around("one.nested.template.json")),
        (
            "one.nested.template.json",
            around("two.nested.template.json"),
        ),
        (
            "two.nested.template.json",
            around("one.nested.template.json"),
        ),
    ]);
    let template = read(&path);
    let mut names: Vec<_> = template.tables.iter().map(|one| one.name.len()).collect();
    names.sort();
    assert_eq!(names, [6, 12, 24]);
    let notes: Vec<_> = template.notes.iter().map(ToString::to_string).collect();
    assert!(notes.iter().any(|note| note.contains("Again")), "{notes:?}");
}
