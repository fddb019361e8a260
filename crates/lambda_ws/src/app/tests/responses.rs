//! The responses of a function, checked as strictly as API Gateway checks them.

use crate::app::{Backend, Dispatcher, InvocationContext};
use crate::{Accept, AnyEvent, Error, IntoResponse, Json, Message, Response, Router, TwoWay};
use http::StatusCode;
use lambda_ws_protocol::response::ProxyResponse;
use proptest::prelude::*;
use std::convert::Infallible;
use tower::layer::layer_fn;
use tower::service_fn;

macro_rules! events {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../../../events/", $name, ".json")))),*]
    };
}

const EVENTS: &[(&str, &str)] = events! {
    "connect" "connect-with-subprotocol" "connect-without-user" "direct" "disconnect-by-client"
    "disconnect-by-delete" "disconnect-idle" "join" "not-json" "say" "unknown-action" "who"
};

fn event(name: &str) -> &'static str {
    EVENTS.iter().find(|(n, _)| *n == name).expect("an event").1
}

/// A dispatcher that returns `response` for every event.
fn answering<F>(response: F) -> Dispatcher
where
    F: Fn() -> Response + Clone + Send + Sync + 'static,
{
    let layer = layer_fn(move |_| {
        let response = response.clone();
        service_fn(move |_: AnyEvent| std::future::ready(Ok::<_, Infallible>(response())))
    });
    Dispatcher::new(Router::new().layer(layer), Backend::in_memory())
}

async fn reply<F>(response: F, event: &str) -> String
where
    F: Fn() -> Response + Clone + Send + Sync + 'static,
{
    let reply = answering(response)
        .call(event, InvocationContext::default())
        .await
        .expect("an answer");
    serde_json::to_string(&reply).unwrap()
}

#[tokio::test]
async fn e4_a_response_has_exactly_the_members_a_proxy_response_may_have() {
    let mut replies = Vec::new();
    replies.push(reply(Response::default, event("connect")).await);
    replies.push(
        reply(
            || Accept::new().protocol("chat.v1").into_response(),
            event("connect"),
        )
        .await,
    );
    replies.push(reply(|| Response::new(StatusCode::FORBIDDEN), event("connect")).await);
    let other_headers = || {
        let mut response = Response::default();
        response
            .headers_mut()
            .insert("x-other", "1".parse().unwrap());
        response
    };
    replies.push(reply(other_headers, event("connect")).await);
    replies.push(reply(Response::default, event("say")).await);
    replies.push(
        reply(
            || IntoResponse::<Message>::into_response("hi"),
            event("say"),
        )
        .await,
    );
    let failed = || IntoResponse::<Message>::into_response(Error::client("full", "try later"));
    replies.push(reply(failed, event("say")).await);
    replies.push(reply(failed, event("disconnect-idle")).await);
    replies.push(
        reply(
            || Response::new(StatusCode::from_u16(999).unwrap()),
            event("connect"),
        )
        .await,
    );
    insta::assert_snapshot!(replies.join("\n"));
}

#[tokio::test]
async fn e2_the_body_of_a_two_way_response_is_the_answer() {
    let router = Router::new()
        .two_way("ask", async || Json(("ü", 1)))
        .two_way("fail", async || {
            Err::<&str, _>(Error::client("full", "try later"))
        })
        .two_way("empty", async || {
            IntoResponse::<TwoWay>::into_response(Response::default())
        });
    let dispatcher = Dispatcher::new(router, Backend::in_memory());
    let mut replies = Vec::new();
    for key in ["ask", "fail", "empty"] {
        let asked = event("say").replace("$default", key);
        let result = dispatcher.call(&asked, InvocationContext::default()).await;
        let reply = result.unwrap();
        replies.push(serde_json::to_string(&reply).unwrap());
    }
    insta::assert_snapshot!(replies.join("\n"));
}

/// Runs a future outside of an async test.
fn now<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

proptest! {
    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = ProxyResponse::read(&bytes);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = now(answering(Response::default).call(text, InvocationContext::default()));
        }
    }

    #[test]
    fn no_damaged_event_makes_the_parser_panic(
        which in 0..EVENTS.len(), at in any::<prop::sample::Index>(), with in ".{0,8}", cut in 0..40_usize,
    ) {
        let json = EVENTS[which].1;
        let start = at.index(json.len());
        let end = (start + cut).min(json.len());
        if json.is_char_boundary(start) && json.is_char_boundary(end) {
            let damaged = format!("{}{with}{}", &json[..start], &json[end..]);
            let _ = now(answering(Response::default).call(&damaged, InvocationContext::default()));
        }
    }

    #[test]
    fn e4_every_response_is_one_that_api_gateway_takes(
        status in 100..1000_u16,
        protocol in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
        text in proptest::option::of(".{0,100}"),
        two_way in any::<bool>(),
        which in 0..EVENTS.len(),
    ) {
        let response = move || {
            let mut response = match text.clone() {
                Some(text) => IntoResponse::<Message>::into_response(text),
                None => Response::default(),
            };
            response.status = StatusCode::from_u16(status).unwrap();
            response.two_way = two_way;
            if let Some(Ok(value)) = protocol.as_deref().map(http::HeaderValue::from_bytes) {
                response.headers_mut().insert("Sec-WebSocket-Protocol", value);
            }
            response
        };
        let reply = now(reply(response, EVENTS[which].1));
        let read = ProxyResponse::read(reply.as_bytes());
        prop_assert!(read.is_ok(), "{reply}: {read:?}");
        prop_assert!(!reply.contains("null"), "{reply}");
    }
}
