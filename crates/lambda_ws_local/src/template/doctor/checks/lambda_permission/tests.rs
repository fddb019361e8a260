use crate::template::doctor::tests::{RAW, all, broken, finds, is_right};

const AUTHORIZER: &str = "
  Authorizer:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      Name: gate
      AuthorizerType: REQUEST
      IdentitySource: [route.request.querystring.token]
      AuthorizerUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Gate.Arn}/invocations
  Gate:
    Type: AWS::Lambda::Function
    Properties: { Runtime: nodejs22.x, Handler: index.handler, Role: !GetAtt Role.Arn, Code: gate }
";
const GATE_PERMISSION: &str = "
  GatePermission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref Gate
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/authorizers/${Authorizer}
";
const ALIAS: &str = "
  Live:
    Type: AWS::Lambda::Alias
    Properties: { FunctionName: !Ref Chat, FunctionVersion: '1', Name: live }
";

/// Asserts that all findings are denied calls of the three routes, with this reason.
#[track_caller]
fn denies(text: &str, why: &str) {
    let findings = all(text);
    assert_eq!(findings.len(), 3, "{findings:#?}");
    for finding in findings {
        assert_eq!(finding.check, "lambda-permission", "{finding:?}");
        assert!(finding.what.contains(why), "{why}: {finding:?}");
    }
}

#[test]
fn a_route_requires_permission_to_call_its_function() {
    for (from, to) in [
        (
            "Principal: apigateway.amazonaws.com",
            "Principal: sns.amazonaws.com",
        ),
        ("FunctionName: !Ref Chat", "FunctionName: other"),
        ("${Api}/*", "${Api}/prod/*"),
    ] {
        let findings = all(&broken(RAW, from, to));
        let routes = findings
            .iter()
            .filter(|one| one.check == "lambda-permission");
        assert_eq!(routes.count(), 3, "{from}: {findings:#?}");
    }
    let finding = finds(
        &broken(RAW, "${Api}/*", "${Api}/*/$*connect"),
        "lambda-permission",
    );
    let expected = "API Gateway has no permission to call `Chat` for route `$default`: \
         `SourceArn` of permission `Permission` does not match `${Api}/dev/$default`";
    assert_eq!(finding.what, expected);
    is_right(&broken(
        RAW,
        "FunctionName: !Ref Chat",
        "FunctionName: !GetAtt Chat.Arn",
    ));
}

#[test]
fn a_role_of_api_gateway_replaces_the_permission() {
    let text = broken(RAW, "apigateway.amazonaws.com", "sns.amazonaws.com");
    let role =
        "IntegrationType: AWS_PROXY\n      CredentialsArn: arn:aws:iam::123456789012:role/gateway";
    is_right(&broken(&text, "IntegrationType: AWS_PROXY", role));
}

#[test]
fn fault_f4_a_wrong_action_and_a_missing_principal_are_findings() {
    for action in [
        "lambda:Invoke",
        "lambda:InvokeFunctionUrl",
        "lambda:GetFunction",
    ] {
        let to = format!("Action: {action}\n");
        let text = broken(RAW, "Action: lambda:InvokeFunction\n", &to);
        denies(&text, &format!("has the action `{action}`"));
    }
    let text = broken(RAW, "      Principal: apigateway.amazonaws.com\n", "");
    denies(&text, "has no `Principal`");
}

#[test]
fn fault_f4_permissions_on_an_alias_and_on_the_function_do_not_cover_each_other() {
    let to = "FunctionName: !Ref Live\n";
    let on_alias = broken(RAW, "FunctionName: !Ref Chat\n", to);
    let on_alias = format!("{on_alias}{ALIAS}");
    denies(&on_alias, "covers the alias or version `live`");
    let by_alias = format!("{}{ALIAS}", broken(RAW, "${Chat.Arn}/inv", "${Live}/inv"));
    denies(&by_alias, "covers the unqualified function");
    assert_eq!(all(&by_alias)[0].fix, "write `FunctionName: !Ref Live`");
    is_right(&broken(&on_alias, "${Chat.Arn}/inv", "${Live}/inv"));
}

#[test]
fn fault_f4_the_function_of_an_authorizer_requires_a_permission() {
    let authorized = broken(
        RAW,
        "      RouteKey: $connect\n",
        "      RouteKey: $connect\n      AuthorizationType: CUSTOM\n      AuthorizerId: !Ref Authorizer\n",
    );
    let authorized = format!("{authorized}{AUTHORIZER}");
    let finding = finds(&authorized, "lambda-permission");
    let expected = "authorizer `Authorizer`";
    assert!(finding.what.contains(expected), "{finding:?}");
    assert!(finding.effect.contains("500"), "{finding:?}");
    is_right(&format!("{authorized}{GATE_PERMISSION}"));
    // The ARN of a route does not match an authorizer.
    let of_route = broken(GATE_PERMISSION, "authorizers/${Authorizer}", "*/$connect");
    finds(&format!("{authorized}{of_route}"), "lambda-permission");
}

#[test]
fn each_stage_requires_a_permission() {
    let stage = "
  Prod:
    Type: AWS::ApiGatewayV2::Stage
    Properties: { ApiId: !Ref Api, StageName: prod, AutoDeploy: true }
";
    let text = broken(&format!("{RAW}{stage}"), "${Api}/*", "${Api}/dev/*");
    denies(&text, "does not match `${Api}/prod/");
}

#[test]
fn a_permission_on_one_version_does_not_cover_another() {
    let versions = "
  First:
    Type: AWS::Lambda::Version
    Properties: { FunctionName: !Ref Chat }
  Second:
    Type: AWS::Lambda::Version
    Properties: { FunctionName: !GetAtt Chat.Arn }
";
    let by_second = broken(RAW, "${Chat.Arn}/inv", "${Second}/inv");
    let permits = |version: &str| {
        let to = format!("FunctionName: !Ref {version}\n");
        format!(
            "{}{versions}",
            broken(&by_second, "FunctionName: !Ref Chat\n", &to)
        )
    };
    denies(&permits("First"), "it calls the alias or version `2`");
    is_right(&permits("Second"));
}

#[test]
fn a_permission_that_sam_generates_for_an_event_does_not_count() {
    let function = "
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      { CodeUri: ., Handler: index.handler, Runtime: nodejs22.x, Timeout: 29, Events: { Topic: { Type: SNS, Properties: { Topic: 'arn:aws:sns:us-east-1:1:t' } } } }
  Say:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Api, RouteKey: say, Target: !Sub 'integrations/${Works}' }
  Works:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !GetAtt Worker.Arn
";
    let text = format!("Transform: AWS::Serverless-2016-10-31\n{RAW}{function}");
    let findings = all(&text);
    let finding = findings
        .iter()
        .find(|one| one.check == "lambda-permission")
        .expect("a finding");
    assert!(finding.what.ends_with("covers the function"), "{finding:?}");
}
