//! Conformance B3, B9, B10, B11 and C4.

mod api_keys;
mod events;

use crate::activity::{Observers, Operation};
use crate::gateway::testing::{Answer, Local, OK, Setup, echo, fails, millis, ok};
use crate::gateway::{
    ApiKey, ApiKeySource, ApiKeys, Authorization, IntegrationError, OperationKind, Outcome,
};
use lambda_ws_protocol::Timestamp;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio_tungstenite::tungstenite::http;

const QUERY: &str = "route.request.querystring.token";

/// A policy about what was asked.
fn policy(event: &Value, effect: &str) -> Value {
    json!({
        "principalId": "ann",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{
                "Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"],
            }],
        },
    })
}

async fn allow(event: Value) -> Answer {
    Ok(policy(&event, "Allow").to_string())
}

fn handler_error(message: &str) -> Answer {
    Err(IntegrationError::Handler {
        error_type: "Error".to_owned(),
        message: message.to_owned(),
    })
}

/// Does what the query string's `token` says.
async fn obey(event: Value) -> Answer {
    let mut answer = policy(&event, "Allow");
    match event["queryStringParameters"]["token"].as_str().unwrap() {
        "allow" => {}
        "deny" => answer = policy(&event, "Deny"),
        "nothing" => answer["policyDocument"]["Statement"] = json!([]),
        "wildcard" => {
            answer["policyDocument"]["Statement"][0]["Resource"] = json!(["x", "arn:aws:*/dev/*"]);
        }
        "elsewhere" => {
            answer["policyDocument"]["Statement"][0]["Resource"] =
                json!("arn:aws:execute-api:us-east-1:000000000000:abcd1234/prod/*");
        }
        "response" => answer = json!({"statusCode": 401}),
        "simple" => answer = json!({"isAuthorized": true}),
        "null" => answer = Value::Null,
        "nobody" => drop(answer.as_object_mut().unwrap().remove("principalId")),
        "nested" => answer["context"] = json!({"roles": ["admin"]}),
        "large" => answer["context"] = json!({"text": "x".repeat(8192)}),
        "Unauthorized" => return handler_error("Unauthorized"),
        "crash" => return fails(event).await,
        "throttled" => return Err(IntegrationError::Throttled),
        other => return handler_error(other),
    }
    Ok(answer.to_string())
}

type Refused = http::Response<Option<Vec<u8>>>;

async fn status(local: &Local, token: &str) -> u16 {
    match local.handshake(&format!("/dev?token={token}"), &[]).await {
        Ok(_) => 101,
        Err(refused) => refused.status().as_u16(),
    }
}

async fn refused(local: &Local, target: &str) -> Refused {
    local.handshake(target, &[]).await.err().unwrap()
}

#[tokio::test]
async fn b9_what_the_authorizer_does_decides_what_the_client_sees() {
    let local = Setup::new().authorizer(&[QUERY], obey).start().await;
    for (token, expected) in [
        ("allow", 101),
        ("wildcard", 101),
        ("deny", 403),
        ("nothing", 403),
        ("elsewhere", 403),
        ("Unauthorized", 401),
        ("unauthorized", 500),
        ("boom", 500),
        ("crash", 500),
        ("throttled", 500),
        ("response", 500),
        ("simple", 500),
        ("null", 500),
        ("nobody", 500),
        ("nested", 500),
        ("large", 500),
    ] {
        assert_eq!(status(&local, token).await, expected, "{token}");
        local.event().await;
    }
}

#[tokio::test]
async fn fault_f19_b9_a_policy_with_a_condition_is_evaluated_for_the_client() {
    // The token is the range of the condition.
    let ask = async |event: Value| -> Answer {
        let net = &event["queryStringParameters"]["token"];
        let statement = json!({
            "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": event["methodArn"],
            "Condition": {
                "IpAddress": {"aws:SourceIp": net},
                "Bool": {"aws:SecureTransport": "true"},
                "DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"},
            },
        });
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
        Ok(json!({"principalId": "ann", "policyDocument": policy}).to_string())
    };
    let local = Setup::new().authorizer(&[QUERY], ask).start().await;
    for (net, expected) in [
        ("127.0.0.0/8", 101),
        ("192.0.2.0/24", 403),
        ("nonsense", 500),
    ] {
        assert_eq!(status(&local, net).await, expected, "{net}");
        local.event().await;
    }
}

#[tokio::test]
async fn b9_who_lacks_an_identity_source_sees_401_and_nobody_is_asked() {
    let sources = [
        QUERY,
        "route.request.header.Auth123",
        "context.identity.userAgent",
        "stageVariables.color",
    ];
    let setup = Setup::new().authorizer(&sources, allow);
    let setup = setup.api(|api| drop(api.stage_variables.insert("color".into(), "red".into())));
    let local = setup.start().await;
    let knock = async |target: &str, headers: &[(&'static str, &str)]| {
        let knocked = local.handshake(target, headers).await;
        knocked.map_or_else(|refused| refused.status().as_u16(), |_| 101)
    };
    let (auth, agent) = (("auth123", "x"), ("user-agent", "me"));
    assert_eq!(knock("/dev?token=a", &[auth]).await, 401);
    assert_eq!(knock("/dev?token=a", &[agent]).await, 401);
    assert_eq!(knock("/dev?token=a", &[("auth123", ""), agent]).await, 401);
    assert_eq!(knock("/dev?token=", &[auth, agent]).await, 401);
    assert_eq!(knock("/dev?Token=a", &[auth, agent]).await, 401);
    assert_eq!(knock("/dev", &[auth, agent]).await, 401);
    local.silent().await;
    assert_eq!(knock("/dev?token=a", &[auth, agent]).await, 101);
    local.event().await;
}

#[tokio::test]
async fn b9_a_stage_variable_that_is_not_set_is_missing() {
    let setup = Setup::new().authorizer(&["stageVariables.color"], allow);
    let local = setup.start().await;
    assert_eq!(local.status().await, 401);
    local.silent().await;
}

#[tokio::test]
async fn b9_an_authorizer_that_takes_too_long_is_a_500() {
    let setup = Setup::new().authorizer(&[], |_| std::future::pending());
    let setup = setup.api(|api| {
        if let Authorization::Lambda(authorizer) = &mut api.authorization {
            authorizer.timeout = millis(10);
        }
    });
    let local = setup.route("$connect", ok).start().await;
    assert_eq!(local.status().await, 500);
}

#[tokio::test]
async fn b3_the_authorizer_is_asked_once_and_before_connect() {
    let setup = Setup::new().authorizer(&[], allow).route("$connect", ok);
    let setup = setup.two_way("$default", echo).route("$disconnect", ok);
    let local = setup.start().await;
    let mut client = local.connect().await;
    let (asked, connect) = (local.event().await, local.event().await);
    assert_eq!(asked["type"], "REQUEST");
    assert_eq!(connect["type"], Value::Null);
    let request = |event: &Value| event["requestContext"]["requestId"].clone();
    assert_eq!(request(&asked), request(&connect));
    client.send("hello").await;
    local.expect("MESSAGE").await;
    drop(client);
    local.expect("DISCONNECT").await;
    local.silent().await;
}

#[tokio::test]
async fn b3_connect_is_not_invoked_for_whom_the_authorizer_refuses() {
    let setup = Setup::new()
        .authorizer(&[QUERY], obey)
        .route("$connect", ok);
    let local = setup.start().await;
    for token in ["deny", "Unauthorized", "boom"] {
        assert_ne!(status(&local, token).await, 101, "{token}");
        assert_eq!(local.event().await["type"], "REQUEST");
        local.silent().await;
    }
}

#[tokio::test]
async fn b5_the_refused_are_told_in_the_gateways_words() {
    let local = Setup::new().authorizer(&[QUERY], obey).start().await;
    for (target, kind, message) in [
        ("/dev", "UnauthorizedException", "Unauthorized"),
        ("/dev?token=deny", "ForbiddenException", "Forbidden"),
        (
            "/dev?token=secret",
            "InternalServerErrorException",
            "Internal server error",
        ),
    ] {
        let refused = refused(&local, target).await;
        assert_eq!(refused.headers()["x-amzn-errortype"], kind);
        let body: Value = serde_json::from_slice(refused.body().as_deref().unwrap()).unwrap();
        assert_eq!(body["message"], message);
        assert!(body["connectionId"].is_string() && body["requestId"].is_string());
    }
}

#[tokio::test]
async fn the_observer_is_told_of_every_decision_and_its_reason() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let setup = Setup::new().authorizer(&[QUERY], obey).options(|options| {
        options.observers = Observers::default().with(move |observed: &Operation<'_>| {
            if observed.kind == OperationKind::Authorize {
                let detail = observed
                    .detail
                    .map_or_else(String::new, ToString::to_string);
                tell.lock().unwrap().push((observed.outcome, detail));
            }
        });
    });
    let local = setup.start().await;
    for target in ["/dev?token=allow", "/dev", "/dev?token=deny"] {
        let _ = local.handshake(target, &[]).await;
    }
    status(&local, "response").await;
    let told = told.lock().unwrap();
    let expected = [
        (Outcome::Done, ""),
        (Outcome::Status(401), QUERY),
        (Outcome::Status(403), "abcd1234/dev/$connect"),
        (Outcome::Status(500), "principalId"),
    ];
    assert_eq!(told.len(), expected.len());
    for ((outcome, detail), (expected, part)) in told.iter().zip(expected) {
        assert_eq!(*outcome, expected);
        assert!(detail.contains(part), "{detail}");
    }
}
