//! Conformance B12, E6, G6 and G11.

use crate::gateway::testing::{Setup, echo, ok};
use crate::gateway::{IntegrationError, Rate, RateLimits, Throttle};
use serde_json::Value;

/// So many at once, and then none for hours.
fn at_once(burst: f64) -> Option<Rate> {
    Some(Rate::new(0.0001, burst))
}

fn throttled(setup: Setup, change: impl FnOnce(&mut RateLimits)) -> Setup {
    let mut limits = RateLimits::default();
    change(&mut limits);
    setup.options(|options| options.throttle = Throttle::new(limits))
}

#[tokio::test]
async fn b12_h_a_connection_over_the_rate_is_a_429_and_reaches_no_function() {
    let setup = Setup::new().route("$connect", ok);
    let setup = throttled(setup, |limits| limits.connections = at_once(2.0));
    let local = setup.start().await;
    let _open = (local.connect().await, local.connect().await);
    let refused = local.handshake("/dev", &[]).await.err().unwrap();
    assert_eq!(refused.status(), 429);
    let body: Value = serde_json::from_slice(refused.body().as_deref().unwrap()).unwrap();
    assert_eq!(body["message"], "Too Many Requests");
    local.expect("CONNECT").await;
    local.expect("CONNECT").await;
    local.silent().await;
    assert_eq!(local.gateway.connections(), 2);
}

#[tokio::test]
async fn b12_a_connection_is_limited_without_a_connect_route_and_by_the_route_s_own_rate_too() {
    let setup = throttled(Setup::new(), |limits| limits.connections = at_once(1.0));
    let local = setup.start().await;
    assert_eq!((local.status().await, local.status().await), (101, 429));
    let setup = throttled(Setup::new().route("$connect", ok), |limits| {
        limits
            .routes
            .insert("$connect".to_owned(), Rate::new(0.0001, 1.0));
    });
    let local = setup.start().await;
    assert_eq!((local.status().await, local.status().await), (101, 429));
}

#[tokio::test]
async fn e6_a_message_over_the_route_s_rate_is_told_so_and_reaches_no_function() {
    let setup = Setup::new().route("say", ok).two_way("ask", echo);
    let setup = throttled(setup, |limits| {
        limits
            .routes
            .insert("say".to_owned(), Rate::new(0.0001, 1.0));
    });
    let local = setup.start().await;
    let mut client = local.connect().await;
    client.send(r#"{"action":"say"}"#).await;
    let event = local.expect("MESSAGE").await;
    client.send(r#"{"action":"say"}"#).await;
    let frame = client.text().await;
    let told: Value = serde_json::from_str(&frame).unwrap();
    let id = &event["requestContext"]["connectionId"];
    let expected = format!(
        r#"{{"message": "Too Many Requests", "connectionId":{id}, "requestId":{}}}"#,
        told["requestId"]
    );
    assert_eq!(frame, expected);
    local.silent().await;
    client.send(r#"{"action":"ask"}"#).await;
    assert_eq!(client.text().await, r#"{"action":"ask"}"#);
}

#[tokio::test]
async fn e6_a_throttled_function_is_an_internal_server_error() {
    let answer = |_| async { Err(IntegrationError::Throttled) };
    let local = Setup::new().route("$default", answer).start().await;
    let mut client = local.connect().await;
    client.send("x").await;
    assert!(
        client
            .text()
            .await
            .starts_with(r#"{"message": "Internal server error", "#)
    );
}

#[tokio::test]
async fn g6_g11_a_call_over_the_account_s_rate_is_a_429_that_sdks_know() {
    let setup = Setup::new().route("$connect", ok).two_way("$default", echo);
    let setup = throttled(setup, |limits| limits.account = at_once(3.0));
    let local = setup.start().await;
    // The handshake and the message count, too.
    let mut client = local.connect().await;
    let id = local.id().await;
    client.send("x").await;
    client.text().await;
    assert_eq!(local.post(&id, "hi").await.status, 200);
    assert_eq!(client.text().await, "hi");
    let path = format!("/dev/@connections/{id}");
    for method in ["POST", "GET", "DELETE"] {
        let reply = local.http(method, &path, b"").await;
        assert_eq!((reply.status, reply.body.as_str()), (429, ""), "{method}");
        assert_eq!(reply.kind(), "limitexceededexception");
    }
    client.send("y").await;
    assert!(client.text().await.contains("Too Many Requests"));
    assert_eq!(local.gateway.connections(), 1);
}

#[tokio::test]
async fn limits_can_be_set_and_lifted_while_the_gateway_runs() {
    let throttle = Throttle::default();
    let handle = throttle.clone();
    let setup = Setup::new().two_way("$default", echo);
    let setup = setup.options(|options| options.throttle = throttle);
    let local = setup.start().await;
    let mut client = local.connect().await;
    let none = RateLimits {
        account: at_once(0.0),
        ..RateLimits::default()
    };
    for (limits, answer) in [(None, "x"), (Some(none), "Too Many"), (None, "x")] {
        handle.set(limits);
        client.send("x").await;
        let text = client.text().await;
        assert!(text.contains(answer), "{text}");
    }
}
