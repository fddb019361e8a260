//! Conformance C2, D and E.

mod in_flight;

use crate::activity::Observers;
use crate::gateway::testing::{Setup, echo, fails, held, millis, ok};
use crate::gateway::{Operation, OperationKind, Outcome};
use lambda_ws_protocol::Timestamp;
use lambda_ws_protocol::response::ErrorFrame;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::sync::{Barrier, Notify};

fn frame(message: &str, event: &Value) -> String {
    let context = &event["requestContext"];
    let (id, request) = (&context["connectionId"], &context["requestId"]);
    format!(r#"{{"message": "{message}", "connectionId":{id}, "requestId":{request}}}"#)
}

#[tokio::test]
async fn c2_the_message_event_is_that_of_aws() {
    let setup = Setup::new().route("say", ok).options(|options| {
        options.clock = Arc::new(|| Timestamp::from_millis(1_701_245_041_796));
    });
    let local = setup.start().await;
    let mut client = local.connect().await;
    client.send(r#"{"action":"say"}"#).await;
    let event = local.event().await;
    let context = &event["requestContext"];
    let (id, request) = (&context["connectionId"], &context["requestId"]);
    let (message, host) = (&context["messageId"], local.address);
    for value in [id, request, message] {
        let is_id = lambda_ws_protocol::event::is_id(value.as_str().unwrap());
        assert!(is_id, "{value}");
    }
    assert!(id != request && request != message);
    let expected = format!(
        r#"{{"requestContext":{{"routeKey":"say","messageId":{message},"eventType":"MESSAGE","extendedRequestId":{request},"requestTime":"29/Nov/2023:08:04:01 +0000","messageDirection":"IN","stage":"dev","connectedAt":1701245041796,"requestTimeEpoch":1701245041796,"identity":{{"sourceIp":"127.0.0.1"}},"requestId":{request},"domainName":"{host}","connectionId":{id},"apiId":"abcd1234"}},"body":"{{\"action\":\"say\"}}","isBase64Encoded":false}}"#
    );
    assert_eq!(event.to_string(), expected);
}

#[tokio::test]
async fn d1_d2_d3_d5_d6_a_message_goes_to_the_route_it_selects_or_to_default() {
    let mut setup = Setup::new();
    for key in ["join", "42", "$default", "$connect", "$disconnect"] {
        setup = setup.route(key, ok);
    }
    let local = setup.start().await;
    let mut client = local.connect().await;
    local.expect("CONNECT").await;
    for (body, route) in [
        (r#"{"action":"join"}"#, "join"),
        (r#"{"action":"JOIN"}"#, "$default"),
        (r#"{"action":42}"#, "42"),
        (r#"{"action":"other"}"#, "$default"),
        (r#"{"action":"$default"}"#, "$default"),
        (r#"{"action":"$connect"}"#, "$default"),
        (r#"{"action":"$disconnect"}"#, "$default"),
        ("hello", "$default"),
        ("", "$default"),
    ] {
        client.send(body).await;
        let event = local.expect("MESSAGE").await;
        assert_eq!(event["requestContext"]["routeKey"], route, "{body}");
        assert_eq!(event["body"], body);
    }
}

#[tokio::test]
async fn d4_d6_without_a_route_the_client_is_forbidden_and_stays() {
    let setup = Setup::new().route("$connect", ok).two_way("ask", echo);
    let local = setup.start().await;
    let mut client = local.connect().await;
    let id = local.id().await;
    for body in ["hello", r#"{"action":"other"}"#, r#"{"action":"$connect"}"#] {
        client.send(body).await;
        let text = client.text().await;
        let expected = format!(r#"{{"message": "Forbidden", "connectionId":"{id}", "requestId":""#);
        assert!(text.starts_with(&expected), "{text}");
    }
    local.silent().await;
    client.send(r#"{"action":"ask"}"#).await;
    assert_eq!(client.text().await, r#"{"action":"ask"}"#);
}

#[tokio::test]
async fn e1_a_one_way_route_answers_nothing_whatever_its_status() {
    let answer = |event: Value| async move {
        let status = &event["body"];
        Ok(format!(r#"{{"statusCode":{status},"body":"nothing"}}"#))
    };
    let setup = Setup::new().route("$default", answer).two_way("ask", echo);
    let local = setup.start().await;
    let mut client = local.connect().await;
    for status in ["200", "201", "301", "401", "501"] {
        client.send(status).await;
        local.event().await;
    }
    client.send(r#"{"action":"ask"}"#).await;
    assert_eq!(client.text().await, r#"{"action":"ask"}"#);
}

#[tokio::test]
async fn e2_a_two_way_route_answers_with_the_body_whatever_the_status() {
    let answer = |event: Value| async move { Ok(event["body"].as_str().unwrap().to_owned()) };
    let local = Setup::new().two_way("$default", answer).start().await;
    let mut client = local.connect().await;
    for (response, text) in [
        (r#"{"statusCode":200,"body":"hi"}"#, "hi"),
        (r#"{"statusCode":500,"body":"no"}"#, "no"),
        (r#"{"statusCode":200}"#, ""),
        (
            r#"{"statusCode":200,"body":"aGk=","isBase64Encoded":true}"#,
            "aGk=",
        ),
    ] {
        client.send(response).await;
        assert_eq!(client.text().await, text);
    }
}

#[tokio::test]
async fn e2_a_body_over_128_kb_is_an_error() {
    let answer = |_| async {
        let body = "x".repeat(131_073);
        Ok(format!(r#"{{"statusCode":200,"body":"{body}"}}"#))
    };
    let local = Setup::new().two_way("$default", answer).start().await;
    let mut client = local.connect().await;
    client.send("x").await;
    let event = local.event().await;
    assert_eq!(client.text().await, frame("Internal server error", &event));
}

#[tokio::test]
async fn e3_e4_a_failure_or_a_malformed_response_is_an_error_frame_even_one_way() {
    let answer = |event: Value| async move {
        match event["body"].as_str().unwrap() {
            "fail" => fails(event).await,
            response => Ok(response.to_owned()),
        }
    };
    let local = Setup::new().route("$default", answer).start().await;
    let mut client = local.connect().await;
    for response in [
        "fail",
        "null",
        r#"{"statusCode":200,"Data":1}"#,
        r#"{"statusCode":200,"body":{}}"#,
    ] {
        client.send(response).await;
        let event = local.event().await;
        assert_eq!(client.text().await, frame("Internal server error", &event));
    }
}

#[tokio::test]
async fn e5_a_slow_integration_is_a_frame_and_its_late_answer_is_dropped() {
    let (release, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let late = Arc::clone(&ended);
    let answer = held(&release, move |_| {
        late.notify_one();
        async { Ok(r#"{"statusCode":200,"body":"late"}"#.to_owned()) }
    });
    let setup = Setup::new().with("slow", answer, |route| {
        route.two_way = true;
        route.timeout = millis(20);
    });
    let local = setup.two_way("ask", echo).start().await;
    let mut client = local.connect().await;
    client.send(r#"{"action":"slow"}"#).await;
    let event = local.event().await;
    let expected = frame("Endpoint request timed out", &event);
    assert_eq!(client.text().await, expected);
    // The function goes on.
    release.notify_one();
    ended.notified().await;
    client.send(r#"{"action":"ask"}"#).await;
    assert_eq!(client.text().await, r#"{"action":"ask"}"#);
}

#[tokio::test]
async fn e8_a_failing_disconnect_is_invisible_and_happens_once() {
    let setup = Setup::new().route("$disconnect", fails);
    let local = setup.two_way("$default", echo).start().await;
    drop(local.connect().await);
    local.expect("DISCONNECT").await;
    let mut client = local.connect().await;
    client.send("still here").await;
    assert_eq!(client.text().await, "still here");
    local.expect("MESSAGE").await;
    local.silent().await;
}

#[tokio::test]
async fn the_observer_is_told_of_each_event() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let maybe = |event: Value| async move {
        match event["body"].as_str().unwrap() {
            "fail" => fails(event).await,
            _ => ok(event).await,
        }
    };
    let setup = Setup::new()
        .route("$connect", ok)
        .route("$default", maybe)
        .route("$disconnect", ok)
        .options(|options| {
            options.observers = Observers::default().with(move |told: &Operation<'_>| {
                log.lock()
                    .unwrap()
                    .push((told.kind, told.route.to_owned(), told.outcome));
            });
        });
    let local = setup.start().await;
    let mut client = local.connect().await;
    let id = local.id().await;
    client.send("x").await;
    local.event().await;
    client.send("fail").await;
    client.text().await;
    local.post(&id, "hi").await;
    client.text().await;
    drop(client);
    local.until(0).await;
    local.shut_down().await;
    let mut told = std::mem::take(&mut *told.lock().unwrap());
    // The two messages are concurrent.
    told[1..3].sort_by_key(|(_, _, outcome)| *outcome != Outcome::Done);
    let frame = Outcome::Frame(ErrorFrame::InternalServerError);
    let expected = [
        (OperationKind::Connect, "$connect", Outcome::Status(101)),
        (OperationKind::Message, "$default", Outcome::Done),
        (OperationKind::Message, "$default", frame),
        (OperationKind::Post, "", Outcome::Status(200)),
        (OperationKind::Close, "", Outcome::Closed(1006)),
        (OperationKind::Disconnect, "$disconnect", Outcome::Done),
    ];
    let expected = expected.map(|(kind, route, outcome)| (kind, route.to_owned(), outcome));
    assert_eq!(told, expected);
}
