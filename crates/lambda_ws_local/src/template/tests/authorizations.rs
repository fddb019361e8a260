use super::*;
use crate::gateway::{ApiKey, ApiKeySource};
use crate::template::{Authorization, Authorizer};
use lambda_ws_protocol::authorizer::IdentitySource;

/// Returns the SAM template with this `Auth`.
fn sam(auth: &str) -> String {
    let stage = "      StageName: !Ref StageName";
    SAM.replace(stage, &format!("{stage}\n      Auth: {auth}"))
}

/// Returns the template of plain resources with this authorizer on `$connect`.
fn raw(authorizer: &str) -> String {
    let connect = "      AuthorizationType: CUSTOM\n      AuthorizerId: !Ref Authorizer";
    let text = RAW.replace("      AuthorizationType: NONE", connect);
    let resource = format!(
        "  Authorizer:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      Name: own
{authorizer}  Chat:\n"
    );
    text.replace("  Chat:\n", &resource)
}

const REQUEST: &str = "      AuthorizerType: REQUEST
      AuthorizerUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Chat.Arn}/invocations
      IdentitySource: [route.request.header.Auth, route.request.querystring.token]
";

fn connect(template: &Template) -> &Authorization {
    let mut routes = template.apis[0].routes.iter();
    let connect = routes.find(|route| route.key == "$connect");
    &connect.expect("there is one").authorization
}

#[test]
fn b9_the_authorization_of_connect_is_read() {
    assert_eq!(connect(&read(SAM)), &Authorization::None);
    let expected = &Authorization::None;
    assert_eq!(connect(&read(&sam("{ AuthType: NONE }"))), expected);
    let expected = &Authorization::Iam;
    assert_eq!(connect(&read(&sam("{ AuthType: AWS_IAM }"))), expected);
    let iam = RAW.replace("AuthorizationType: NONE", "AuthorizationType: AWS_IAM");
    assert_eq!(connect(&read(&iam)), &Authorization::Iam);
}

#[test]
fn b9_sam_generates_an_authorizer_from_auth() {
    let auth = "{ AuthType: CUSTOM, AuthArn: !GetAtt Chat.Arn, IdentitySource: [route.request.querystring.token] }";
    let authorizer = Authorizer {
        function: "Chat".to_owned(),
        identity_sources: vec![IdentitySource::QueryString("token".to_owned())],
        line: 29,
    };
    let template = read(&sam(auth));
    assert_eq!(connect(&template), &Authorization::Lambda(authorizer));
    assert_eq!(template.notes, read(SAM).notes);
}

#[test]
fn b9_an_authorizer_of_plain_resources_is_found_by_its_id() {
    let expected = Authorizer {
        function: "Chat".to_owned(),
        identity_sources: vec![
            IdentitySource::Header("Auth".to_owned()),
            IdentitySource::QueryString("token".to_owned()),
        ],
        line: 64,
    };
    let text = raw(REQUEST);
    let expected = Authorization::Lambda(expected);
    assert_eq!(connect(&read(&text)), &expected);
    let text = text.replace("!Ref Authorizer\n", "!GetAtt Authorizer.AuthorizerId\n");
    assert_eq!(connect(&read(&text)), &expected);
}

#[test]
fn an_invalid_function_of_an_authorizer_is_an_error() {
    let other = raw(&REQUEST.replace("${Chat.Arn}", "${Chat2.Arn}"));
    let text = |template: &str| template.replace("      Handler: index.handler\n", "");
    let unused = text(&RAW.replace("SELF: !Ref Chat2", "OTHER: other"));
    assert!(is_noted(&unused, "`Chat2`, which no route uses"));
    let error = errors(&text(&other));
    let expected = "function `Chat2` has no `Handler`";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn b9_authorization_that_aws_rejects_is_an_error_with_its_line() {
    let with = |more: &str| errors(&raw(&format!("{REQUEST}      {more}\n")));
    let change = |from: &str, to: &str| errors(&raw(REQUEST).replacen(from, to, 1));
    let plain = |from: &str, to: &str| errors(&RAW.replacen(from, to, 1));
    let auth = |auth: &str| errors(&sam(auth));
    insta::assert_snapshot!(
        [
            with("AuthorizerResultTtlInSeconds: 300"),
            with("EnableSimpleResponses: true"),
            with("AuthorizerPayloadFormatVersion: '2.0'"),
            with("JwtConfiguration: { Issuer: x }"),
            change("AuthorizerType: REQUEST", "AuthorizerType: JWT"),
            change("route.request.header.Auth", "$request.header.Auth"),
            change("      AuthorizerUri", "      Uri"),
            change(
                "${Chat.Arn}/invocations\n      IdentitySource",
                "${Chta.Arn}/invocations\n      IdentitySource"
            ),
            change("      AuthorizerId: !Ref Authorizer\n", ""),
            change("AuthorizerId: !Ref Authorizer", "AuthorizerId: abc"),
            change("AuthorizationType: CUSTOM", "AuthorizationType: JWT"),
            plain(
                "RouteKey: say",
                "RouteKey: say\n      AuthorizationType: AWS_IAM"
            ),
            plain("RouteKey: say", "RouteKey: say\n      ApiKeyRequired: true"),
            plain(
                "ProtocolType: WEBSOCKET",
                "ProtocolType: WEBSOCKET\n      ApiKeySelectionExpression: $request.header.key"
            ),
            auth("{ AuthArn: !GetAtt Chat.Arn }"),
            auth("{ AuthType: CUSTOM }"),
            auth("{ AuthType: AWS_IAM, AuthArn: !GetAtt Chat.Arn }"),
            auth("{ AuthType: JWT }"),
            errors(
                &sam("{ AuthType: AWS_IAM }").replace("        $connect:", "        connected:")
            ),
        ]
        .join("\n")
    );
}

#[test]
fn b9_an_authorizer_without_permission_is_noted() {
    let is_noted = |text: &str| is_noted(text, "on AWS every handshake fails with 500");
    let text = raw(REQUEST);
    assert!(!is_noted(&text));
    let denied =
        |text: &str| text.replace("Principal: apigateway.amazonaws.com", "Principal: events");
    assert!(is_noted(&denied(&text)));
    let role = "      AuthorizerCredentialsArn: arn:aws:iam::000000000000:role/caller\n";
    let text = raw(&format!("{REQUEST}{role}"));
    assert!(!is_noted(&denied(&text)));
}

#[test]
fn b11_api_keys_are_read_and_unsupported_parts_are_noted() {
    let text = RAW
        .replace("AuthorizationType: NONE", "ApiKeyRequired: true")
        .replace(
            "ProtocolType: WEBSOCKET",
            "ProtocolType: WEBSOCKET\n      ApiKeySelectionExpression: $context.authorizer.usageIdentifierKey",
        )
        .replace(
            "  Chat:\n",
            "  Key:
    Type: AWS::ApiGateway::ApiKey
    Properties: { Enabled: true, Value: secret-key-of-twenty }
  Disabled:
    Type: AWS::ApiGateway::ApiKey
    Properties: { Value: another-key-of-twenty }
  Unknown:
    Type: AWS::ApiGateway::ApiKey
    Properties: { Enabled: true }
  Plan:
    Type: AWS::ApiGateway::UsagePlan
  Chat:\n",
        );
    let template = read(&text);
    let api = &template.apis[0];
    assert!(api.routes[0].api_key_required && !api.routes[1].api_key_required);
    assert_eq!(api.api_key_source, ApiKeySource::Authorizer);
    let key = |key: &ApiKey| (key.id.len(), key.value.clone());
    let keys: Vec<_> = template.api_keys.iter().map(key).collect();
    assert_eq!(keys, [(10, "secret-key-of-twenty".to_owned())]);
    assert!(!format!("{template:?}").contains("secret-key"));
    for part in [
        "API key `Disabled` is not `Enabled: true`",
        "API key `Unknown` has no `Value`",
        "usage plans are not supported",
    ] {
        let mut notes = template.notes.iter();
        assert!(notes.any(|note| note.text.contains(part)), "{part}");
    }
}
