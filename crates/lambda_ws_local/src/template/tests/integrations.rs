//! Routes without a function (conformance E9).

use super::*;
use crate::template::{Integration, Mock, Route};

/// Returns the template with a route `ping` and an integration with these properties.
fn with_ping(properties: &str, others: &str) -> String {
    let ping = format!(
        "  Ping:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ ApiId: !Ref ChatApi, RouteKey: ping, Target: !Sub \"integrations/${{Pong}}\" }}
  Pong:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {{ ApiId: !Ref ChatApi, {properties} }}
{others}  SendMessageResponse:\n"
    );
    SAM.replacen("  SendMessageResponse:\n", &ping, 1)
}

fn response(properties: &str) -> String {
    format!(
        "  PingResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {{ ApiId: !Ref ChatApi, RouteId: !Ref Ping, RouteResponseKey: $default }}
  PongResponse:
    Type: AWS::ApiGatewayV2::IntegrationResponse
    Properties: {{ ApiId: !Ref ChatApi, IntegrationId: !Ref Pong, {properties} }}
"
    )
}

fn ping(text: &str) -> Route {
    let mut routes = read(text).apis[0].routes.clone();
    assert_eq!(routes.len(), 5);
    routes.pop().expect("a route")
}

#[test]
fn fault_f27_e9_an_unsupported_integration_is_a_warning_and_other_routes_are_served() {
    for kind in ["HTTP", "HTTP_PROXY", "AWS"] {
        let properties = format!("IntegrationType: {kind}, IntegrationUri: 'https://example.com'");
        let text = with_ping(&properties, "");
        let why = format!("an integration of type {kind}");
        let ping = ping(&text);
        assert_eq!(ping.integration, Integration::Unsupported(why.clone()));
        assert_eq!((ping.function(), ping.functions().count()), (None, 0));
        let notes = read(&text).notes;
        let warnings: Vec<_> = notes.iter().filter(|note| note.is_warning).collect();
        let expected = format!(
            "line {}: route `ping` has {why}, which is not supported locally: its messages get an error",
            warnings[0].line
        );
        let line = text.lines().nth(warnings[0].line - 1).expect("a line");
        assert!(line.contains("IntegrationType"), "{line}");
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
        assert_eq!(warnings[0].to_string(), expected);
    }
}

#[test]
fn a_route_to_a_function_of_another_stack_does_not_affect_other_routes() {
    let properties = "IntegrationType: AWS_PROXY, IntegrationUri: !ImportValue ping";
    let text = with_ping(properties, "");
    let ping = ping(&text);
    let why = "a function that only AWS knows".to_owned();
    assert_eq!(ping.integration, Integration::Unsupported(why));
    let warning = read(&text).notes.into_iter().find(|note| note.is_warning);
    let warning = warning.expect("a warning").text;
    let expected = "get an error (`Fn::ImportValue` is";
    assert!(warning.contains(expected), "{warning}");
}

#[test]
fn a_function_that_a_stage_variable_selects_does_not_affect_other_routes() {
    let uri = "arn:aws:lambda:us-east-1:000000000000:function:${stageVariables.function}";
    let properties = format!("IntegrationType: AWS_PROXY, IntegrationUri: '{uri}'");
    let text = with_ping(&properties, "");
    let ping = ping(&text);
    assert!(matches!(ping.integration, Integration::Unsupported(_)));
}

#[test]
fn a_function_with_an_unknown_name_has_its_logical_id() {
    let to = "      FunctionName: !Sub chat-${Suffix}\n";
    let text = SAM.replace("      MemorySize: 256\n", to);
    let text = text.replace("Parameters:\n", "Parameters:\n  Suffix: { Type: String }\n");
    let template = read(&text);
    assert_eq!(template.functions[0].name, "Chat");
    for route in &template.apis[0].routes {
        assert_eq!(route.function(), Some("Chat"), "{}", route.key);
    }
    let expected =
        "`FunctionName` of `Chat` is its logical id locally: parameter `Suffix` has no default";
    assert!(notes(&text)[0].contains(expected), "{:#?}", notes(&text));
}

#[test]
fn fault_f27_e9_a_mock_with_a_plain_text_template_replies() {
    let pong = r#"ResponseTemplates: { "$default": '{"type":"pong"}' }"#;
    let body = Some(r#"{"type":"pong"}"#.to_owned());
    for (request, key, response_properties, status) in [
        (
            r#"RequestTemplates: { "200": '{"statusCode":200}' }, TemplateSelectionExpression: "200""#,
            "$default",
            pong,
            200,
        ),
        (
            r#"RequestTemplates: { "$default": '{ "statusCode" : 201 }' }, TemplateSelectionExpression: '\$default'"#,
            "/2\\d\\d/",
            pong,
            201,
        ),
        (
            r#"RequestTemplates: { application/json: "{'statusCode': '200'}" }"#,
            "/200/",
            pong,
            200,
        ),
        ("Description: ping", "$default", pong, 200),
        (
            "Description: ping",
            "$default",
            r#"TemplateSelectionExpression: a, ResponseTemplates: { b: 'no', a: '{"type":"pong"}' }"#,
            200,
        ),
    ] {
        let others = response(&format!(
            "IntegrationResponseKey: '{key}', {response_properties}"
        ));
        let properties = format!("IntegrationType: MOCK, IntegrationUri: '', {request}");
        let text = with_ping(&properties, &others);
        let route = ping(&text);
        let mock = Mock {
            status,
            body: body.clone(),
        };
        assert_eq!(route.integration, Integration::Mock(mock), "{request}");
        assert!(route.two_way);
        assert_eq!(notes(&text), [""; 0]);
    }
}

#[test]
fn fault_f27_e9_a_mock_with_template_code_is_unsupported() {
    let code = |request: &str, response_properties: &str| {
        let others = response(&format!(
            "IntegrationResponseKey: $default, {response_properties}"
        ));
        let text = with_ping(&format!("IntegrationType: MOCK, {request}"), &others);
        match ping(&text).integration {
            Integration::Unsupported(why) => why,
            other => panic!("{other:?}"),
        }
    };
    let plain = "Description: ping";
    let templates = r#"ResponseTemplates: { "$default": "a" }"#;
    assert_eq!(
        [
            code(
                plain,
                r#"ResponseTemplates: { "$default": '{"id":"$context.connectionId"}' }"#
            ),
            code(
                plain,
                r#"ResponseTemplates: { "$default": '#set($a = 1)$a' }"#
            ),
            code(
                r#"RequestTemplates: { "$default": '#if(true){"statusCode":200}#end' }"#,
                templates
            ),
            code(
                "TemplateSelectionExpression: '${request.body.kind}', RequestTemplates: { a: b }",
                templates
            ),
        ],
        [
            "an integration of type MOCK (its response template is not plain text)",
            "an integration of type MOCK (its response template is not plain text)",
            "an integration of type MOCK (its request template has no plain `statusCode`)",
            "an integration of type MOCK (the message selects its template)",
        ]
    );
}

#[test]
fn e9_a_mock_without_an_integration_response_sends_no_reply() {
    let others = response("IntegrationResponseKey: $default")
        .replace("IntegrationId: !Ref Pong", "IntegrationId: other");
    let text = with_ping("IntegrationType: MOCK", &others);
    let route = ping(&text);
    assert!(!route.two_way);
    assert!(is_noted(&text, "route `ping` sends no reply"));
}

#[test]
fn e9_connect_can_have_a_mock_integration() {
    let text = RAW.replacen("IntegrationType: AWS_PROXY", "IntegrationType: MOCK", 1);
    let connect = &read(&text).apis[0].routes[0];
    let mock = Mock {
        status: 200,
        body: None,
    };
    assert_eq!(&*connect.key, "$connect");
    assert_eq!(connect.integration, Integration::Mock(mock));
}
