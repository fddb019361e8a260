//! Conformance D7.

use crate::activity::Observers;
use crate::gateway::testing::{OK, Setup, echo, ok};
use crate::gateway::{Models, Operation, OperationKind, Outcome, Schema};
use lambda_ws_protocol::event::is_id;
use lambda_ws_protocol::response::ErrorFrame;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Messages of these routes must have a `text`.
fn models() -> Option<Arc<Models>> {
    let schema =
        json!({"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}});
    let schema = Schema::compile(&schema).unwrap();
    let selection = "$request.body.action".parse().unwrap();
    Some(Arc::new(Models::new(
        selection,
        [("say".to_owned(), schema)],
    )))
}

#[tokio::test]
async fn d7_a_message_that_does_not_fit_is_a_bad_request_body_and_reaches_no_function() {
    let setup = Setup::new().with("say", ok, |route| route.models = models());
    let setup = setup.with("$default", ok, |route| route.models = models());
    let local = setup.two_way("ask", echo).start().await;
    let mut client = local.connect().await;
    for body in [
        r#"{"action":"say"}"#,
        r#"{"action":"say","text":1}"#,
        r#"{"action":"other","text":"hi"}"#,
        "hello",
        "",
    ] {
        client.send(body).await;
        let frame = client.text().await;
        let told: Value = serde_json::from_str(&frame).unwrap();
        let (id, message) = (&told["connectionId"], &told["messageId"]);
        assert!(is_id(id.as_str().unwrap()) && is_id(message.as_str().unwrap()));
        let expected = format!(
            r#"{{"message" : "Bad request body", "connectionId": {id}, "messageId": {message}}}"#
        );
        assert_eq!(frame, expected, "{body}");
    }
    local.silent().await;
    client.send(r#"{"action":"say","text":"hi"}"#).await;
    let event = local.expect("MESSAGE").await;
    assert_eq!(event["body"], r#"{"action":"say","text":"hi"}"#);
    client.send(r#"{"action":"ask"}"#).await;
    assert_eq!(client.text().await, r#"{"action":"ask"}"#);
}

#[tokio::test]
async fn d7_connect_and_disconnect_have_no_body_to_check() {
    let setup = Setup::new().with("$connect", ok, |route| route.models = models());
    let setup = setup.with("$disconnect", ok, |route| route.models = models());
    let local = setup.start().await;
    drop(local.connect().await);
    local.expect("CONNECT").await;
    local.expect("DISCONNECT").await;
}

#[tokio::test]
async fn d7_the_observer_is_told_what_does_not_fit_and_not_what_was_sent() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let answer = |_| async { Ok(OK.to_owned()) };
    let setup = Setup::new().with("say", answer, |route| route.models = models());
    let setup = setup.options(|options| {
        options.observers = Observers::default().with(move |told: &Operation<'_>| {
            if told.kind == OperationKind::Message {
                let detail = told.detail.map(ToString::to_string).unwrap_or_default();
                log.lock().unwrap().push((told.outcome, detail));
            }
        });
    });
    let local = setup.start().await;
    let mut client = local.connect().await;
    client.send(r#"{"action":"say","text":4711}"#).await;
    client.text().await;
    let told = told.lock().unwrap();
    let (outcome, detail) = &told[0];
    assert_eq!(*outcome, Outcome::Frame(ErrorFrame::BadRequestBody));
    assert!(detail.contains("`/text`"), "{detail}");
    assert!(!detail.contains("4711"), "{detail}");
}
