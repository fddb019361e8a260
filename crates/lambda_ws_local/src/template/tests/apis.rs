use super::*;
use std::time::Duration;

#[test]
fn a_sam_template_is_read_as_a_whole() {
    insta::assert_debug_snapshot!(read(SAM));
}

#[test]
fn a_template_of_plain_resources_is_read_as_a_whole() {
    let text = RAW.replace("SELF: !Ref Chat2", "OTHER: !Ref Chat2");
    insta::assert_debug_snapshot!(read(&text));
}

#[test]
fn the_template_of_this_repository_has_only_a_note_on_rate_limits() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let template = Template::read(&path, &staged("test")).unwrap();
    let (api, chat) = (&template.apis[0], &template.functions[0]);
    let notes = template.notes.iter().map(|note| &*note.text);
    assert!(notes.eq(["the rate limits of stage `test` are applied only with --throttle"]));
    let routes = api.routes.iter().map(|route| &*route.key);
    assert!(routes.eq(["$connect", "$disconnect", "$default"]));
    let table = &template.tables[0].name;
    assert_eq!(&chat.environment["CONNECTIONS_TABLE"], table);
    let endpoint = &chat.environment["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"];
    let host = format!("{}.execute-api.us-east-1.amazonaws.com", api.id);
    assert_eq!(*endpoint, format!("https://{host}/test"));
}

#[test]
fn a_template_may_be_json() {
    let json = r#"{"Resources": {"Api": {"Type": "AWS::ApiGatewayV2::Api",
      "Properties": {"ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"}},
      "Stage": {"Type": "AWS::ApiGatewayV2::Stage",
      "Properties": {"ApiId": {"Ref": "Api"}, "StageName": {"Fn::Join": ["-", ["a", "b"]]}, "AutoDeploy": true}}}}"#;
    assert_eq!(read(json).apis[0].stage, "a-b");
}

#[test]
fn a_template_may_have_no_websocket_api() {
    let http = "Resources:\n  Http:\n    Type: AWS::ApiGatewayV2::Api\n    Properties: { ProtocolType: HTTP }\n";
    let template = read(http);
    assert!(template.apis.is_empty());
    let expected = "line 2: API `Http` has the protocol HTTP: only WebSocket APIs are served";
    assert_eq!(template.notes[0].to_string(), expected);
}

#[test]
fn the_id_of_an_api_depends_only_on_its_logical_id() {
    let first = read(SAM).apis[0].id.clone();
    assert_eq!(first, read(&SAM.replace("hello", "servus")).apis[0].id);
    assert_ne!(first, read(&SAM.replace("ChatApi", "OtherApi")).apis[0].id);
    let is_valid = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit();
    assert!(first.len() == 10 && first.chars().all(is_valid), "{first}");
}

#[test]
fn two_apis_have_their_own_routes() {
    let text = SAM.replace(
        "  Chat:\n",
        "  Admin:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.type
      Routes:
        $default: { FunctionArn: !GetAtt Chat.Arn }
  Chat:\n",
    );
    let template = read(&text);
    let routes = template.apis.iter();
    let routes = routes.map(|api| (&*api.logical_id, &*api.stage, api.routes.len()));
    let routes: Vec<_> = routes.collect();
    assert_eq!(routes, [("ChatApi", "dev", 4), ("Admin", "default", 1)]);
}

#[test]
fn the_stage_option_renames_the_stage_for_all_references() {
    let template = parse(SAM, &staged("test")).unwrap();
    assert_eq!(template.apis[0].stage, "test");
    let endpoint = &template.functions[0].environment["ENDPOINT"];
    assert!(endpoint.ends_with(".execute-api.us-east-1.amazonaws.com/test"));
    let template = parse(RAW, &staged("test"));
    assert_eq!(template.unwrap().apis[0].stage, "test");
}

#[test]
fn the_stage_option_sets_the_parameter_that_names_the_stage() {
    let text = SAM.replace("GREETING: !Ref Greeting", "GREETING: !Ref StageName");
    let chat = parse(&text, &staged("test")).unwrap().functions[0].clone();
    assert_eq!(chat.environment["GREETING"], "test");
}

#[test]
fn the_stage_option_selects_one_of_several_stages() {
    let text = RAW.replace(
        "  Deployment:\n",
        "  Beta:\n    Type: AWS::ApiGatewayV2::Stage\n    Properties: { ApiId: !Ref Api, StageName: beta, AutoDeploy: true }\n  Deployment:\n",
    );
    assert_eq!(read(&text).apis[0].stage, "prod");
    assert!(notes(&text).contains(
        &"line 18: stage `beta` is not served; --stage beta serves it instead of `prod`".to_owned()
    ));
    assert_eq!(parse(&text, &staged("beta")).unwrap().apis[0].stage, "beta");
    let error = parse(&text, &staged("gamma")).unwrap_err();
    let expected = "template.yaml:4: API `Api` has no stage `gamma` (stages: prod, beta)";
    assert_eq!(error, expected);
}

#[test]
fn a_route_to_a_missing_function_lists_the_existing_functions() {
    let to = "IntegrationUri: !GetAtt Chta.Arn";
    let text = RAW.replace("IntegrationUri: !GetAtt Chat.Arn", to);
    assert_eq!(
        errors(&text),
        "template.yaml:54: route `say` uses function `Chta`, which is not in the template (functions: Chat, Chat2)"
    );
    let to = "arn:aws:lambda:us-east-1:000000000000:function:elsewhere";
    let text = SAM.replacen("!GetAtt Chat.Arn", to, 1);
    assert_eq!(
        errors(&text),
        "template.yaml:33: route `$connect` uses function `elsewhere`, which is not in the template (functions: Chat)"
    );
}

#[test]
fn a_part_that_would_behave_differently_is_a_problem_with_its_line() {
    let change = |from: &str, to: &str| errors(&RAW.replacen(from, to, 1));
    insta::assert_snapshot!(
        [
            change(
                "IntegrationUri: !GetAtt Chat.Arn",
                "IntegrationUri: https://example.com"
            ),
            change("TimeoutInMillis: 50", "TimeoutInMillis: 30000"),
            change(
                "Target: !Sub integrations/${Direct}",
                "Target: integrations/abc"
            ),
            change("RouteKey: say", "RouteKey: $say"),
            change("RouteKey: say", "RouteKey: $connect"),
            change("StageName: prod", "StageName: pro d"),
            change(
                "RouteSelectionExpression: $request.body.action",
                "Description: chat"
            ),
            change(
                "RouteResponseSelectionExpression: $default",
                "RouteResponseSelectionExpression: $request"
            ),
            change(
                "      ApiId: !Ref Api\n      RouteKey: say",
                "      ApiId: a1b2c3\n      RouteKey: say"
            ),
        ]
        .join("\n")
    );
}

#[test]
fn values_that_sam_rejects_are_problems() {
    let change = |from: &str, to: &str| errors(&SAM.replacen(from, to, 1));
    insta::assert_snapshot!(
        [
            change("        sendMessage:", "        send-message:"),
            change("        sendMessage:", "        $message:"),
            change(
                "        $default:\n          FunctionArn: !GetAtt Chat.Arn\n",
                "        $default: {}\n"
            ),
            change("        $default:", "        SendMessage:"),
            change(
                "Transform: AWS::Serverless-2016-10-31",
                "Description: no transform"
            ),
        ]
        .join("\n")
    );
}

#[test]
fn a_route_without_a_route_response_sends_no_reply_and_is_noted() {
    let to = "      RouteResponseKey: other\n";
    let text = RAW.replace("      RouteResponseKey: $default\n", to);
    assert!(!read(&text).apis[0].routes[1].two_way);
    assert!(notes(&text).iter().any(|note| {
        note.starts_with("line 35: route `say` has no `AWS::ApiGatewayV2::RouteResponse`")
    }));
}

#[test]
fn fault_f1_a_route_response_alone_makes_a_route_two_way() {
    let text = RAW.replace("      RouteResponseSelectionExpression: $default\n", "");
    assert_ne!(text, RAW);
    let routes = read(&text).apis[0].routes.clone();
    assert!(routes[1].two_way && !routes[0].two_way, "{routes:#?}");
    assert!(!is_noted(&text, "`say`"), "{:#?}", notes(&text));
}

#[test]
fn fault_f1_a_response_expression_on_connect_is_not_noted() {
    let to = "      RouteKey: $connect\n      RouteResponseSelectionExpression: $default\n";
    let text = RAW.replace("      RouteKey: $connect\n", to);
    assert!(!is_noted(&text, "$connect"), "{:#?}", notes(&text));
}

#[test]
fn a_part_without_effect_on_aws_is_noted() {
    let text = RAW
        .replace("apigateway.amazonaws.com", "events.amazonaws.com")
        .replace("      DeploymentId: !Ref Deployment\n", "");
    for part in [
        "no `AWS::Lambda::Permission`",
        "neither `AutoDeploy` nor `DeploymentId`",
    ] {
        assert!(is_noted(&text, part), "{part}: {:#?}", notes(&text));
    }
}

#[test]
fn a_route_has_the_timeout_of_its_integration() {
    let routes = read(SAM).apis[0].routes.clone();
    assert_eq!(routes[0].timeout, Duration::from_secs(29));
    assert_eq!(routes[3].timeout, Duration::from_secs(5));
}
