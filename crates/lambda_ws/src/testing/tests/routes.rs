//! Tests of routes.

use super::*;

#[tokio::test]
async fn d2_d5_the_api_selects_its_own_routes_and_default_for_all_others() {
    async fn which(context: Context) -> String {
        context.route_key().to_owned()
    }
    let router = Router::new().route("say", which).route("42", which);
    let gateway = Gateway::new(router.fallback(which)).route_keys(["say", "42"]);
    let mut ann = connected(&gateway).await;
    for (message, key) in [
        (r#"{"action":"say"}"#, "say"),
        (r#"{"action":"SAY"}"#, "$default"),
        (r#"{"action":42}"#, "42"),
        (r#"{action:"say"}"#, "say"),
        (r#"{"action":"$connect"}"#, "$default"),
        ("hello", "$default"),
        ("", "$default"),
    ] {
        ann.send(message).await;
        assert_eq!(ann.recv().await, key, "{message}");
    }
}

#[tokio::test]
async fn d1_the_expression_can_be_another() {
    let router = Router::new().route("chat/join", async || "joined");
    let gateway = Gateway::new(router)
        .route_keys(["chat/join"])
        .expression("${request.body.service}/${request.body.action}");
    let mut ann = connected(&gateway).await;
    ann.send(Json(json!({"service": "chat", "action": "join"})))
        .await;
    assert_eq!(ann.recv().await, "joined");
}

#[tokio::test]
async fn d4_without_a_default_route_api_gateway_sends_an_error() {
    let router = Router::new().route("say", async || "said");
    let gateway = Gateway::new(router).route_keys(["say"]).without_default();
    let mut ann = connected(&gateway).await;
    ann.send("hello").await;
    let received: Value = ann.recv_json().await;
    assert_eq!(received["message"], "Forbidden");
    assert_eq!(received["connectionId"], ann.id().as_str());
    assert_eq!(gateway.events().len(), 1, "nothing was invoked");
    ann.send(r#"{"action":"say"}"#).await;
    assert_eq!(ann.recv().await, "said");
}

#[test]
#[should_panic(expected = "is not a valid route selection expression")]
fn a_bad_expression_panics() {
    let _ = Gateway::new(Router::new()).expression("${");
}

#[tokio::test]
async fn e2_a_two_way_route_sends_the_body_of_its_response() {
    let router = Router::new()
        .two_way("ask", async || "answer")
        .two_way("fail", async || {
            Err::<&str, _>(Error::client("no", "not today"))
        })
        .two_way("huge", async || "x".repeat(200_000));
    let gateway = Gateway::new(router.clone()).two_way(["ask", "fail", "huge"]);
    let mut ann = connected(&gateway).await;
    ann.send(r#"{"action":"ask"}"#).await;
    assert_eq!(ann.recv_all(), ["answer"]);
    ann.send(r#"{"action":"fail"}"#).await;
    let received: Value = ann.recv_json().await;
    assert_eq!(received["error"]["code"], "no");
    ann.send(r#"{"action":"huge"}"#).await;
    let received: Value = ann.recv_json().await;
    assert_eq!(received["error"]["code"], "too_large");

    // A route that only the router knows arrives through `$default` and gets a response.
    let mut bob = connected(&Gateway::new(router.clone())).await;
    bob.send(r#"{"action":"ask"}"#).await;
    assert_eq!(bob.recv_all(), ["answer"]);

    // E1: without a route response, the body of the response is ignored.
    let mut eve = connected(&Gateway::new(router).route_keys(["ask"])).await;
    eve.send(r#"{"action":"ask"}"#).await;
    assert_eq!(eve.recv_all(), [""; 0]);
}

#[tokio::test]
async fn e3_a_handler_that_panics_is_an_error_frame_and_the_connection_stays_open() {
    let router = Router::new().route("panic", fails);
    let gateway = Gateway::new(router.fallback(echo));
    let mut ann = connected(&gateway).await;
    ann.send(r#"{"action":"panic"}"#).await;
    let (id, request) = (ann.id().clone(), gateway.events()[1].request_id.clone());
    let expected = format!(
        r#"{{"message": "Internal server error", "connectionId":"{id}", "requestId":"{request}"}}"#
    );
    assert_eq!(ann.recv().await, expected);
    ann.send("still here").await;
    assert_eq!(ann.recv().await, "still here");
}
