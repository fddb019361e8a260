//! Any bytes as what a function returned: they are read without a panic. And whatever a handler
//! responds is written as what API Gateway takes.

#![no_main]

use http::{HeaderValue, StatusCode};
use lambda_ws::Timestamp;
use lambda_ws::{IntoResponse, Response, Router, TwoWay, testing};
use lambda_ws_protocol::authorizer::{AuthorizerResponse, PolicyContext};
use lambda_ws_protocol::response::ProxyResponse;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime without I/O needs nothing")
});

const CONNECT: &str = r#"{"requestContext":{"eventType":"CONNECT","connectionId":"c"}}"#;
const ASK: &str =
    r#"{"requestContext":{"eventType":"MESSAGE","routeKey":"ask","connectionId":"c"}}"#;

fuzz_target!(|input: (u16, &[u8], &str, &[u8])| {
    let (status, protocol, text, bytes) = input;
    let _ = ProxyResponse::read(bytes);
    if let Ok(policy) = AuthorizerResponse::read(bytes) {
        let context = PolicyContext {
            source_ip: "192.0.2.1",
            user_agent: Some("fuzz"),
            referer: None,
            now: Timestamp::from_millis(0),
        };
        policy.allows("arn:aws:execute-api:us-east-1:1:a/dev/$connect", &context);
    }
    // Nearly no number is a status.
    if let Ok(status) = StatusCode::from_u16(100 + status % 900) {
        chosen(status, HeaderValue::from_bytes(protocol).ok());
    }
    answered(text);
});

/// The status and the sub-protocol of a handshake arrive.
fn chosen(status: StatusCode, protocol: Option<HeaderValue>) {
    let given = protocol.clone();
    let router = Router::new().connect(move || {
        let mut response = Response::new(status);
        if let Some(protocol) = protocol.clone() {
            let headers = response.headers_mut();
            headers.insert("Sec-WebSocket-Protocol", protocol);
        }
        std::future::ready(response)
    });
    let read = read(router, CONNECT);
    // API Gateway knows no others.
    let expected = if status.as_u16() < 600 {
        status.as_u16()
    } else {
        500
    };
    assert_eq!(read.status, expected);
    let given = given.as_ref().and_then(|given| given.to_str().ok());
    assert_eq!(read.protocol.as_deref(), given);
}

/// The text of a two-way response arrives.
fn answered(text: &str) {
    let response = text.to_owned();
    let ask = move || std::future::ready(IntoResponse::<TwoWay>::into_response(response.clone()));
    let read = read(Router::new().two_way("ask", ask), ASK);
    assert_eq!((read.status, read.body.as_deref()), (200, Some(text)));
}

fn read(router: Router, event: &str) -> ProxyResponse {
    let answer = RUNTIME.block_on(testing::answer(router, event));
    let answer = answer.expect("the event is a good one").to_string();
    ProxyResponse::read(answer.as_bytes()).unwrap_or_else(|error| panic!("{answer}: {error}"))
}
