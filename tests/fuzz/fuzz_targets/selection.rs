//! Any expression and any message: a route is selected without a panic, and the API selects the same
//! one as the program does.

#![no_main]

use lambda_ws::{Response, Router, testing};
use lambda_ws_protocol::selection::Expression;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock, Mutex};
use tokio::runtime::{Builder, Runtime};
use tower::util::MapResponseLayer;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime without I/O needs nothing")
});

fuzz_target!(|input: (&str, &str)| {
    let (expression, body) = input;
    if let Ok(expression) = expression.parse::<Expression>() {
        assert_eq!(expression.to_string().parse(), Ok(expression.clone()));
        let key = expression.route_key(body, |_| true);
        let selected = expression.select(body);
        match selected.as_deref() {
            None | Some("$connect" | "$disconnect") => assert_eq!(key.as_deref(), Some("$default")),
            Some(_) => assert_eq!(key, selected),
        }
        assert_eq!(expression.route_key(body, |_| false), None);
    }
    // The program takes strict JSON only.
    if serde_json::from_str::<Value>(body).is_ok() {
        both_agree(body);
    }
});

/// API Gateway's `$request.body.action` and the router's member `action` are the same.
fn both_agree(body: &str) {
    match Expression::default().select(body) {
        // No route may be called so.
        Some(key) if key.starts_with('$') => {}
        Some(key) => {
            assert_eq!(refusal(&key, body), None, "{key}");
            let other = format!("{key}x");
            assert_eq!(refusal(&other, body).as_deref(), Some("unknown_action"));
        }
        None => assert_eq!(refusal("x", body).as_deref(), Some("bad_message")),
    }
}

/// The error code by which a router with one route refuses a message, if it does.
fn refusal(key: &str, body: &str) -> Option<String> {
    let code = Arc::new(Mutex::new(None));
    let seen = code.clone();
    let router = Router::new().route(key, async || ());
    let router = router.layer(MapResponseLayer::new(move |response: Response| {
        let code = response.error().map(|error| error.code().to_owned());
        *seen.lock().expect("nobody panics with it") = code;
        response
    }));
    let context = json!({"eventType": "MESSAGE", "routeKey": "$default", "connectionId": "c"});
    let event = json!({"requestContext": context, "body": body});
    let answer = RUNTIME.block_on(testing::answer(router, &event.to_string()));
    answer.expect("the event is a good one");
    code.lock().expect("nobody panics with it").take()
}
