//! The resources that SAM generates, with their logical ids.

use super::*;

/// The resources that the translator of SAM generates from the template below, without hashes.
const GENERATED: [&str; 43] = [
    "AdminRole",
    "ChatAlexaPermission",
    "ChatAliasliveD1Ux",
    "ChatBuckPermission",
    "ChatDeploymentGroup",
    "ChatEventInvokeConfig",
    "ChatEventInvokeConfigOnFailureTopic",
    "ChatEventInvokeConfigOnSuccessQueue",
    "ChatHttpPermission",
    "ChatIot",
    "ChatIotPermission",
    "ChatKin",
    "ChatLogs",
    "ChatLogsPermission",
    "ChatQue",
    "ChatRestPermissionProd",
    "ChatRole",
    "ChatRule",
    "ChatRulePermission",
    "ChatStr",
    "ChatTick",
    "ChatTick2",
    "ChatTick2Role",
    "ChatTickPermission",
    "ChatTop",
    "ChatTop2",
    "ChatTop2EventSourceMapping",
    "ChatTop2Queue",
    "ChatTop2QueuePolicy",
    "ChatTopPermission",
    "ChatURLInvokeAllowPublicAccess",
    "ChatUrl",
    "ChatUrlPublicPermissions",
    "CodeDeployServiceRole",
    "MachineRole",
    "ServerlessDeploymentApplication",
    "ServerlessHttpApi",
    "ServerlessRestApi",
    "WsAuthorizerPermission",
    "WsConnectPermission",
    "WsConnectRoute",
    "WsDefaultStage",
    "WsSendmessagePermission",
];

const TEMPLATE: &str = include_str!("fixtures/generated.yaml");

fn with(variable: &str) -> String {
    TEMPLATE.replace("V1: a", &format!("V1: {variable}"))
}

#[test]
fn fault_f7_resources_that_sam_generates_are_in_the_template() {
    for id in GENERATED {
        // All of them exist, although only AWS knows some of the values.
        let text = with(&format!("!Ref {id}"));
        parse(&text, &Options::default()).expect(id);
    }
    let expected = "`ChatAliasother` is not in the template";
    assert!(errors(&with("!Ref ChatAliasother")).contains(expected));
    // SAM generates no role for a function with a `Role`.
    let role = "Properties: { Role: 'arn:a', Handler: a.b";
    let text = with("!Ref AdminRole").replace("Properties: { Handler: a.b", role);
    assert!(errors(&text).contains("`AdminRole` is not in the template"));
}

#[test]
fn fault_f7_f16_roles_aliases_and_versions_have_values() {
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:Chat";
    let role = "arn:aws:iam::000000000000:role";
    let http = crate::template::transform::short_id("ServerlessHttpApi");
    for (expression, expected) in [
        ("!Ref ChatRole", "ChatRole".to_owned()),
        ("!GetAtt ChatRole.Arn", format!("{role}/ChatRole")),
        ("!GetAtt Named.Arn", format!("{role}/team/chat")),
        ("!Ref ChatAliasliveD1Ux", format!("{arn}:live-1_x")),
        ("!Ref Chat.Alias", format!("{arn}:live-1_x")),
        ("!Ref Chat.Version", format!("{arn}:1")),
        ("!Ref Beta", format!("{arn}:beta")),
        ("!Sub '${Beta}/${Fixed.Version}'", format!("{arn}:beta/1")),
        ("!Ref Fixed", format!("{arn}:1")),
        (
            "!Sub 'https://${ServerlessHttpApi}.x'",
            format!("https://{http}.x"),
        ),
    ] {
        let environment = &read(&with(expression)).functions[0].environment;
        assert_eq!(environment["V1"], expected, "{expression}");
    }
}

#[test]
fn fault_f16_a_route_to_an_alias_is_a_route_to_its_function() {
    let uri =
        "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Beta}/invocations";
    for arn in [
        "!Ref Beta",
        "!Ref Chat.Alias",
        "!Ref ChatAliasliveD1Ux",
        &format!("!Sub '{uri}'"),
        "!Sub '${Chat.Arn}:beta'",
    ] {
        let to = format!("sendMessage: {{ FunctionArn: {arn} }}");
        let text = TEMPLATE.replace("sendMessage: { FunctionArn: !GetAtt Chat.Arn }", &to);
        let expected = Some("Chat");
        assert_eq!(read(&text).apis[0].routes[1].function(), expected, "{arn}");
    }
}

#[test]
fn fault_f10_a_table_with_a_short_logical_id_has_a_longer_name() {
    let text = "Transform: AWS::Serverless-2016-10-31\nResources:\n  Db:\n    Type: AWS::Serverless::SimpleTable\n  T:\n    Type: AWS::Serverless::SimpleTable\n";
    let tables = read(text).tables;
    let names: Vec<_> = tables.iter().map(|table| &*table.name).collect();
    assert_eq!(names, ["local-Db", "local-T"]);
    let to = "  T:\n    Type: AWS::Serverless::SimpleTable\n    Properties: { TableName: ab }\n";
    let named = text.replace("  T:\n    Type: AWS::Serverless::SimpleTable\n", to);
    assert!(errors(&named).contains("is not valid: expected 3 to 255"));
}
