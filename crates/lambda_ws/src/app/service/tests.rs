//! The service, called as a runtime calls it.

use super::*;
use crate::app::Backend;
use crate::{Context as EventContext, Router};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

fn event(json: &str) -> LambdaEvent<Box<RawValue>> {
    let mut context = lambda_runtime::Context::default();
    "id-7".clone_into(&mut context.request_id);
    context.xray_trace_id = Some("Root=1-2-3".to_owned());
    LambdaEvent::new(RawValue::from_string(json.to_owned()).unwrap(), context)
}

fn message(route: &str) -> String {
    let say = include_str!("../../../../../events/say.json");
    say.replace("\"$default\"", &format!("\"{route}\""))
}

fn connect() -> &'static str {
    include_str!("../../../../../events/connect.json")
}

fn service(router: Router) -> AppService {
    AppService::new(
        Arc::new(Dispatcher::new(router, Backend::in_memory())),
        false,
    )
}

async fn call(service: &mut AppService, json: &str) -> Value {
    let response = service.call(event(json)).await.unwrap();
    serde_json::to_value(response).unwrap()
}

#[tokio::test]
async fn a_response_is_json_and_the_context_reaches_the_handler() {
    let router = Router::new().two_way("trace", async |context: EventContext| {
        context.trace_id().unwrap_or_default().to_owned()
    });
    let response = call(&mut service(router), &message("trace")).await;
    assert_eq!(response, json!({"statusCode": 200, "body": "Root=1-2-3"}));
}

#[tokio::test]
async fn a_failed_invocation_names_its_error() {
    let error = service(Router::new()).call(event("{}")).await.unwrap_err();
    assert_eq!(error.error_type(), "UnknownEvent");
    assert!(error.to_string().contains("CONNECT, MESSAGE or DISCONNECT"));
    let report = Diagnostic::from(error.clone());
    assert_eq!(report.error_type, "UnknownEvent");
    assert_eq!(report.error_message, error.to_string());
}

#[tokio::test(start_paused = true)]
async fn clones_handle_events_at_the_same_time() {
    let router = Router::new().two_way("slow", async || {
        sleep(Duration::from_secs(1)).await;
        "done"
    });
    let service = service(router);
    let began = Instant::now();
    let calls = (0..16).map(|_| {
        let mut service = service.clone();
        tokio::spawn(async move { call(&mut service, &message("slow")).await })
    });
    for call in Vec::from_iter(calls) {
        assert_eq!(call.await.unwrap()["body"], "done");
    }
    assert_eq!(began.elapsed(), Duration::from_secs(1));
}

#[tokio::test]
async fn a_client_is_welcomed_only_after_its_handshake_was_answered() {
    let welcomes = Arc::new(AtomicUsize::new(0));
    let counted = welcomes.clone();
    let opened = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    };
    let router = Router::new()
        .opened(opened)
        .two_way("say", async || "heard");
    let mut first = service(router);
    let mut second = first.clone();
    call(&mut first, connect()).await;
    // The first clone has not been asked again, so its response may still be on its way.
    call(&mut second, &message("say")).await;
    assert_eq!(welcomes.load(Ordering::Relaxed), 0);
    call(&mut first, &message("say")).await;
    assert_eq!(welcomes.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_service_that_is_dropped_leaves_its_welcomes_to_the_others() {
    let welcomes = Arc::new(AtomicUsize::new(0));
    let counted = welcomes.clone();
    let opened = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    };
    let mut first = service(Router::new().opened(opened));
    let mut second = first.clone();
    call(&mut first, connect()).await;
    drop(first);
    call(&mut second, connect()).await;
    assert_eq!(welcomes.load(Ordering::Relaxed), 1);
}
