//! Tests of the metrics of events and of their log lines.

mod lines;

use super::*;
use crate::app::{Backend, Dispatcher, InvocationContext, Transports};
use crate::clock::Clock;
use crate::error::{BoxError, SendError};
use crate::payload::Payload;
use crate::router::HandlerTimer;
use crate::store::{Memory, Record, Store};
use crate::task::Tasks;
use crate::transport::{Inspection, Transport};
use crate::{Connection, ConnectionId, Error, Json, Opening, Query, Router, Sender, Timestamp};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lines::Lines;
use serde_json::{Value, json};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// An hour after the samples in `events/`.
const NOW: Timestamp = Timestamp::from_secs(1_767_611_040);
const API: &str = "a1b2c3d4e5/dev";
const CONNECT: &str = include_str!("../../../../events/connect.json");
const SAY: &str = include_str!("../../../../events/say.json");
const UNKNOWN: &str = include_str!("../../../../events/unknown-action.json");
const DISCONNECT: &str = include_str!("../../../../events/disconnect-by-client.json");

/// The state of the clients, which their names define; a fixed clock; a queue.
#[derive(Clone, Default)]
struct World(Arc<Mutex<Vec<ConnectionId>>>);

impl Transport for World {
    async fn post(&self, id: &ConnectionId, _: &Payload) -> Result<(), SendError> {
        let mut tried = self.0.lock().unwrap();
        tried.push(id.clone());
        let times = tried.iter().filter(|other| *other == id).count();
        match id.as_str() {
            id if id.starts_with("gone") => Err(SendError::Gone),
            id if id.starts_with("lied-about") && times == 1 => Err(SendError::Gone),
            id if id.starts_with("slow") => Err(SendError::Throttled),
            id if id.starts_with("odd") => Err(SendError::Refused {
                status: 413,
                source: "no".into(),
            }),
            _ => Ok(()),
        }
    }

    async fn close(&self, _: &ConnectionId) -> Result<(), SendError> {
        Ok(())
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        match id.as_str().starts_with("gone") {
            true => Err(SendError::Gone),
            false => Ok(Inspection::default()),
        }
    }

    fn url(&self) -> &str {
        "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/dev"
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn pause(&self, _: Duration, _: &ConnectionId) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Tasks for World {
    fn queue(&self, _: String) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

async fn connect(
    opening: Opening,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<(), Error> {
    let (_, user) = &query[0];
    opening.user(user)?;
    match user == "eve" {
        true => Err(Error::forbidden("not Eve")),
        false => Ok(()),
    }
}

async fn say(me: Connection, Json(said): Json<Value>) -> Result<(), Error> {
    match said["text"].as_str() {
        Some("fail") => return Err("as it was told".into()),
        Some("panic") => panic!("as it was told"),
        _ => {}
    }
    let times = said["times"].as_u64().unwrap_or(1);
    for _ in 0..times {
        me.room("tea").send("hello").await?;
    }
    Ok(())
}

/// Lets suspects be proven gone. Nothing pauses here.
async fn proofs() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn whisper(sender: Sender) {
    for name in ["ann", "gone", "lied-about", "slow", "odd"] {
        // The metrics count the failure, so the error is ignored.
        let _ = sender.send(&name.into(), "psst").await;
    }
}

fn router() -> Router {
    Router::new()
        .connect(connect)
        .disconnect(async || {})
        .route("say", say)
        .route("whisper", whisper)
        .route("größe", async || "3")
}

/// Returns a function and its metrics.
async fn function(namespace: &str, name: Option<&str>) -> (Dispatcher, Lines) {
    function_of(router(), namespace, name).await
}

async fn function_of(router: Router, namespace: &str, name: Option<&str>) -> (Dispatcher, Lines) {
    let (world, store, lines) = (World::default(), Memory::new(), Lines::default());
    for member in ["ann", "bob", "gone", "lied-about", "slow", "odd"] {
        let at = Timestamp::from_millis(NOW.millis() - 60_000);
        let mut record = Record::new(member.into(), at, API, at);
        record.rooms.insert("tea".to_owned());
        Store::register(&store, &record).await.unwrap();
    }
    let metrics = Metrics::written(namespace.to_owned(), name.map(str::to_owned), {
        let lines = lines.clone();
        move |line| lines.push(line)
    });
    let transports = Transports::one(Arc::new(world.clone()));
    let backend = Backend::new(Arc::new(store), transports).with_clock(world.clone());
    let backend = backend.with_tasks(Arc::new(world), 2).measured(metrics);
    (Dispatcher::new(router, backend), lines)
}

async fn call(dispatcher: &Dispatcher, event: &str) {
    let _ = dispatcher.call(event, InvocationContext::default()).await;
}

fn message(body: &Value) -> String {
    let mut event: Value = serde_json::from_str(SAY).unwrap();
    event["body"] = body.to_string().into();
    event.to_string()
}

#[tokio::test]
async fn every_line_has_the_embedded_metric_format() {
    let (dispatcher, lines) = function("Chat/prod", Some("chat")).await;
    for event in [
        CONNECT,
        &CONNECT.replace("\"ann\"", "\"eve\""),
        SAY,
        UNKNOWN,
        &message(&json!({"action": "whisper"})),
        &message(&json!({"action": "say", "text": "fail"})),
        &message(&json!({"action": "größe"})),
        DISCONNECT,
        r#"{"publish": {"room": "tea", "data": "hello"}}"#,
    ] {
        call(&dispatcher, event).await;
        // The log of the event contains its metrics.
        assert!(!lines.take_valid().is_empty(), "{event}");
    }
    // An unknown event has no connection.
    call(&dispatcher, "{}").await;
    assert_eq!(lines.take_valid(), Vec::<Value>::new());
}

#[tokio::test]
async fn an_event_is_counted_where_it_belongs() {
    let (dispatcher, lines) = function("Chat", Some("chat")).await;
    call(&dispatcher, CONNECT).await;
    let line = lines.one();
    assert_eq!(line["Connects"], 1);
    assert_eq!(line["Function"], "chat");
    assert_eq!(line["Route"], "$connect");
    assert_eq!(line["Failures"], 0);
    assert!(line["HandlerTime"][0].is_number() && line.get("Messages").is_none());

    call(&dispatcher, &CONNECT.replace("\"ann\"", "\"eve\"")).await;
    let line = lines.one();
    assert_eq!((&line["Refusals"], line.get("Connects")), (&json!(1), None));
    assert_eq!(line["Failures"], 0, "a refusal is what the handler is for");

    let fails = message(&json!({"action": "say", "text": "fail"}));
    call(&dispatcher, &fails).await;
    let line = lines.one();
    assert_eq!(line["Messages"], 1);
    assert_eq!(line["Failures"], 1);
    assert_eq!(line["Route"], "say");

    call(&dispatcher, DISCONNECT).await;
    let line = lines.one();
    assert_eq!(line["Disconnects"], 1);
    assert_eq!(line["Code"], "1005");
}

#[tokio::test]
async fn client_input_does_not_become_a_dimension() {
    let (dispatcher, lines) = function("Chat", None).await;
    for action in ["nosuch", "$connect", &"x".repeat(5000)] {
        call(&dispatcher, &message(&json!({"action": action}))).await;
        assert_eq!(lines.one()["Route"], "$default");
    }
    for (code, label) in [(Some(4321), "4xxx"), (Some(2999), "other"), (None, "none")] {
        let mut event: Value = serde_json::from_str(DISCONNECT).unwrap();
        event["requestContext"]["disconnectStatusCode"] = json!(code);
        call(&dispatcher, &event.to_string()).await;
        assert_eq!(lines.one()["Code"], label);
    }
    call(&dispatcher, &message(&json!({"action": "größe"}))).await;
    assert_eq!(lines.one()["Route"], "gr??e", "CloudWatch takes ASCII only");
}

#[tokio::test]
async fn what_became_of_messages_is_counted_by_outcome() {
    let (dispatcher, lines) = function("Chat", None).await;
    call(&dispatcher, &message(&json!({"action": "whisper"}))).await;
    let line = lines.one();
    for (metric, count) in [
        ("Sent", 2),
        ("Gone", 1),
        ("Throttled", 1),
        ("Failed", 1),
        ("GoneFalse", 1),
    ] {
        assert_eq!(line[metric], count, "{metric}");
    }
    proofs().await;
    call(&dispatcher, SAY).await;
    let line = lines.one();
    // They are proven after their event.
    for metric in ["GoneConfirmed", "Removed"] {
        assert_eq!(line[metric], 1, "{metric}");
    }
    let counts = ["Sent", "Gone", "Throttled", "Failed"].map(|name| line[name].clone());
    // Gone connections are removed.
    assert_eq!(counts, [3, 0, 1, 1]);
    assert_eq!(line["Audience"], json!([5.0]));
    assert_eq!(line["BroadcastTime"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn more_values_than_a_document_takes_are_in_several() {
    let (dispatcher, lines) = function("Chat", None).await;
    let often = message(&json!({"action": "say", "times": 250}));
    call(&dispatcher, &often).await;
    let all = lines.take_valid();
    assert_eq!(all.len(), 3);
    let values = all.iter().flat_map(|line| line["Audience"].as_array());
    assert_eq!(values.map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
    let messages = all.iter().filter_map(|line| line["Messages"].as_u64());
    assert_eq!(messages.sum::<u64>(), 1);
}

#[tokio::test]
async fn a_panic_of_a_handler_is_counted_at_once() {
    let (dispatcher, lines) = function("Chat", None).await;
    let event = message(&json!({"action": "say", "text": "panic"}));
    let call = dispatcher.call(&event, InvocationContext::default());
    assert!(AssertUnwindSafe(call).catch_unwind().await.is_err());
    let line = lines.one();
    assert_eq!(line["Failures"], 1);
    assert_eq!(line["Route"], "say");
}

#[tokio::test]
async fn each_event_has_lines_of_its_own_also_about_several_routes() {
    let (dispatcher, lines) = function("Chat", None).await;
    let metrics = dispatcher.metrics().expect("it counts").event();
    for route in ["a", "b"] {
        metrics.message(route);
        drop(HandlerTimer::new(metrics.clone(), route));
    }
    metrics.disconnect(Some(1006));
    drop(metrics.line(&World::default()));
    let lines_of_both = lines.take_valid();
    let routes: Vec<_> = lines_of_both.iter().map(|l| &l["Route"]).collect();
    assert_eq!(routes, ["a", "b"]);
    call(&dispatcher, SAY).await;
    let line = lines.one();
    assert_eq!(line["Route"], "say");
    assert_eq!(line.get("Disconnects"), None);
}

#[tokio::test(start_paused = true)]
async fn two_events_at_once_have_lines_of_their_own() {
    async fn slow() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let router = router().route("slow", slow);
    let (dispatcher, lines) = function_of(router, "Chat", None).await;
    let (slow, quick) = (json!({"action": "slow"}), json!({"action": "say"}));
    let slow = message(&slow);
    let slow = call(&dispatcher, &slow);
    let quick = async {
        call(&dispatcher, &message(&quick)).await;
        let line = lines.one();
        assert_eq!(
            (&line["Route"], &line["Messages"]),
            (&json!("say"), &json!(1))
        );
    };
    futures_util::future::join(slow, quick).await;
    let line = lines.one();
    assert_eq!(
        (&line["Route"], &line["Messages"]),
        (&json!("slow"), &json!(1))
    );
    assert_eq!(line.get("Sent"), None, "{line}");
}

#[tokio::test]
async fn work_that_outlives_its_event_is_counted_with_the_next() {
    let (dispatcher, lines) = function("Chat", None).await;
    let metrics = dispatcher.metrics().expect("it counts").event();
    drop(metrics.line(&World::default()));
    assert_eq!(lines.take_valid(), Vec::<Value>::new());
    metrics.count(Metric::Removed);
    call(&dispatcher, SAY).await;
    proofs().await;
    call(&dispatcher, SAY).await;
    let removed = lines
        .take_valid()
        .iter()
        .filter_map(|line| line["Removed"].as_u64())
        .sum::<u64>();
    // One more is removed after the first event.
    assert_eq!(removed, 2);
}

#[tokio::test]
async fn tasks_are_counted() {
    let router = router().opened(async || "hello");
    let (dispatcher, lines) = function_of(router, "Chat", None).await;
    call(&dispatcher, CONNECT).await;
    assert_eq!(lines.one()["TasksHandedOn"], 1);
    let task = r#"{"lambdaWsTask": {"form": 3, "id": "a", "hop": 1}}"#;
    call(&dispatcher, task).await;
    let line = lines.one();
    assert_eq!(line["TasksBegun"], 1);
    assert_eq!(line["TasksFailed"], 1, "it does not say what is to be done");
}
