//! Tests of the dispatcher with the events of `events/`.

use super::{Backend, Dispatcher, InvocationContext, Transports};
use crate::error::BoxError;
use crate::store::{DynStore, InterceptedStore, Memory, Record, Store, StoreError};
use crate::testing::{Client, Gateway};
use crate::transport::LogOnly;
use crate::{
    Close, Connection, Error, Json, Opening, Query, Rooms, Router, SendError, Session, State,
    Timestamp, User,
};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::{Arc, Mutex};

macro_rules! event {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../events/",
            $name,
            ".json"
        ))
    };
}

mod admin;
mod channels;
mod client_limits;
mod errors;
mod opened;
#[cfg(feature = "otel")]
mod otel;
mod presence;
mod publish;
mod raw;
mod responses;
mod seen;
mod tasks;
mod triggers;
mod unregistered;
mod world;

#[derive(Deserialize)]
struct Who {
    user: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Visit {
    messages: u32,
}

async fn connect(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
    me.user(&who.user)?;
    me.join("tea")?;
    me.join("all")?;
    me.save(&Visit { messages: 0 })?;
    me.announce("tea", format!("{} is here", who.user))?;
    match &*who.user {
        "eve" => Err(Error::client("no", "not Eve").with_status(http::StatusCode::FORBIDDEN)),
        _ => Ok(()),
    }
}

type Ends = Arc<Mutex<Vec<String>>>;

async fn disconnect(
    State(ends): State<Ends>,
    user: Option<User>,
    Rooms(rooms): Rooms,
    session: Option<Session<Visit>>,
    close: Close,
) {
    let end = format!("{user:?} {rooms:?} {session:?} {:?}", close.code);
    ends.lock().unwrap().push(end);
}

/// A router that records the `$disconnect` events.
fn router() -> (Router, Ends) {
    let ends = Ends::default();
    let router = Router::new().connect(connect).disconnect(disconnect);
    (router.with_state(ends.clone()), ends)
}

/// A dispatcher with a store that fails at these operations.
fn dispatcher(router: Router, fails: &'static [&'static str]) -> (Dispatcher, Memory) {
    let store = Memory::new();
    let failing = InterceptedStore {
        store: store.clone(),
        before: move |name: &str| -> BoxFuture<'static, Result<(), StoreError>> {
            let failed = fails.contains(&name);
            let error = || StoreError::unavailable("the table is on fire");
            Box::pin(std::future::ready(if failed {
                Err(error())
            } else {
                Ok(())
            }))
        },
    };
    let failing: Arc<dyn DynStore> = Arc::new(failing);
    let backend = Backend::new(failing, Transports::one(Arc::new(LogOnly)));
    (Dispatcher::new(router, backend), store)
}

async fn call(dispatcher: &Dispatcher, event: &str) -> Result<Value, BoxError> {
    Ok(serde_json::to_value(
        dispatcher.call(event, InvocationContext::default()).await?,
    )?)
}

async fn record(store: &Memory, id: &str) -> Option<Record> {
    let record = Store::record(store, &id.into(), Timestamp::now()).await;
    record.unwrap()
}

const ANN: &str = "AaVuMkdHd_QnW8c=";

/// The `$disconnect` of the connection from `connect.json`.
fn ann_leaves() -> String {
    let mut event: Value = serde_json::from_str(event!("disconnect-by-client")).unwrap();
    let context = &mut event["requestContext"];
    context["connectionId"] = ANN.into();
    context["connectedAt"] = 1_767_607_441_796_u64.into();
    event.to_string()
}

#[tokio::test]
async fn a_connection_is_registered_when_its_handler_has_accepted() {
    let (dispatcher, store) = dispatcher(router().0, &[]);
    let reply = call(&dispatcher, event!("connect")).await.unwrap();
    assert_eq!(reply, serde_json::json!({"statusCode": 200}));
    let record = record(&store, ANN).await.unwrap();
    assert_eq!(record.user.as_deref(), Some("ann"));
    assert_eq!(Vec::from_iter(&record.rooms), ["all", "tea"]);
    assert_eq!(record.session.as_deref(), Some(r#"{"messages":0}"#));
    assert_eq!(record.at.millis(), 1_767_607_441_796);
    assert_eq!(record.api, "a1b2c3d4e5/dev");
}

#[tokio::test]
async fn a_rejected_connection_is_not_stored() {
    let (dispatcher, store) = dispatcher(router().0, &["register", "remove"]);
    let result = call(&dispatcher, event!("connect-without-user")).await;
    let reply = result.unwrap();
    assert_eq!(reply, serde_json::json!({"statusCode": 400}));
    let eve = event!("connect").replace("\"ann\"", "\"eve\"");
    let reply = call(&dispatcher, &eve).await.unwrap();
    assert_eq!(reply, serde_json::json!({"statusCode": 403}));
    assert!(record(&store, ANN).await.is_none());
}

#[tokio::test]
async fn a_failing_store_rejects_the_handshake_with_503() {
    for fails in [&["register"][..], &["register", "remove"]] {
        let (dispatcher, store) = dispatcher(router().0, fails);
        let reply = call(&dispatcher, event!("connect")).await.unwrap();
        assert_eq!(reply, serde_json::json!({"statusCode": 503}));
        assert!(record(&store, ANN).await.is_none());
    }
}

#[tokio::test]
async fn a_failed_announcement_rejects_no_client() {
    let (dispatcher, store) = dispatcher(router().0, &["page"]);
    let reply = call(&dispatcher, event!("connect")).await.unwrap();
    assert_eq!(reply["statusCode"], 200);
    assert!(record(&store, ANN).await.is_some());
}

#[tokio::test]
async fn announcements_reach_the_others_and_not_the_newcomer() {
    let gateway = Gateway::new(router().0);
    let mut ann = gateway.connect("/?user=ann").await.unwrap();
    let mut bob = gateway.connect("/?user=bob").await.unwrap();
    gateway.connect("/?user=eve").await.unwrap_err();
    assert_eq!(ann.recv_all(), ["bob is here"]);
    assert_eq!(bob.recv_all(), [""; 0]);
}

#[tokio::test]
async fn a_disconnect_handler_sees_the_removed_record() {
    let (router, ends) = router();
    let (dispatcher, store) = dispatcher(router, &[]);
    call(&dispatcher, event!("connect")).await.unwrap();
    for _ in 0..2 {
        let reply = call(&dispatcher, &ann_leaves()).await.unwrap();
        assert_eq!(reply, serde_json::json!({"statusCode": 200}));
    }
    assert!(record(&store, ANN).await.is_none());
    let known =
        r#"Some(User("ann")) ["all", "tea"] Some(Session(Visit { messages: 0 })) Some(1005)"#;
    let unknown = "None [] None Some(1005)";
    assert_eq!(*ends.lock().unwrap(), [known, unknown]);
}

#[tokio::test]
async fn a_connection_that_was_found_gone_still_has_its_disconnect() {
    let (router, ends) = router();
    let (dispatcher, store) = dispatcher(router, &[]);
    call(&dispatcher, event!("connect")).await.unwrap();
    let at = record(&store, ANN).await.unwrap().at;
    Store::mark_gone(&store, &ANN.into(), at).await.unwrap();
    call(&dispatcher, &ann_leaves()).await.unwrap();
    assert!(ends.lock().unwrap()[0].starts_with(r#"Some(User("ann")) ["all", "tea"] "#));
}

#[tokio::test]
async fn a_disconnect_does_not_touch_a_later_connection_with_the_same_id() {
    let (router, ends) = router();
    let (dispatcher, store) = dispatcher(router, &[]);
    call(&dispatcher, event!("connect")).await.unwrap();
    let late = ann_leaves().replace("1767607441796", "1767607441795");
    call(&dispatcher, &late).await.unwrap();
    assert!(record(&store, ANN).await.is_some());
    assert!(ends.lock().unwrap()[0].starts_with("None [] None"));
}

#[tokio::test]
async fn a_store_that_fails_at_the_disconnect_answers_503_and_runs_no_handler() {
    let (router, ends) = router();
    let (dispatcher, _) = dispatcher(router, &["remove"]);
    let reply = call(&dispatcher, event!("disconnect-idle")).await.unwrap();
    assert_eq!(reply, serde_json::json!({"statusCode": 503}));
    assert!(ends.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_close_code_out_of_range_is_none() {
    let (router, ends) = router();
    let (dispatcher, _) = dispatcher(router, &[]);
    let odd = event!("disconnect-idle").replace(": 1001", ": 123456");
    call(&dispatcher, &odd).await.unwrap();
    assert_eq!(*ends.lock().unwrap(), ["None [] None None"]);
}

#[tokio::test]
async fn an_unknown_event_is_an_error_that_names_the_expected_ones() {
    let authorizer = event!("connect").replacen('{', r#"{"type": "REQUEST", "#, 1);
    let no_id = event!("say").replace("connectionId", "connection");
    let odd = event!("say").replace("MESSAGE", "PING");
    for json in [
        r#"{"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"b"}}}]}"#,
        r#"{"version":"2.0","routeKey":"$default","rawPath":"/","requestContext":{"http":{"method":"GET"},"routeKey":"$default"}}"#,
        r#"{"detail-type":"Scheduled Event","detail":{}}"#,
        &authorizer,
        &no_id,
        &odd,
        "{}",
        "[]",
        "null",
        "\"hello\"",
        "42",
        "hello",
        "",
    ] {
        let (dispatcher, _) = dispatcher(router().0, &[]);
        let error = call(&dispatcher, json).await.expect_err(json).to_string();
        let expected = "CONNECT, MESSAGE or DISCONNECT";
        assert!(error.contains(expected), "{json}: {error}");
    }
}

#[tokio::test]
async fn messages_of_one_connection_change_its_session_one_after_the_other() {
    async fn count(
        me: Connection,
        Session(mut visit): Session<Visit>,
    ) -> Result<Json<Visit>, Error> {
        visit.messages += 1;
        me.save(&visit).await?;
        Ok(Json(visit))
    }
    let gateway = Gateway::new(Router::new().connect(connect).fallback(count));
    let mut ann = gateway.connect("/?user=ann").await.unwrap();
    for messages in 1..4 {
        ann.send("count").await;
        assert_eq!(ann.recv_json::<Visit>().await, Visit { messages });
    }
    // Of two concurrent messages only one wins; the other gets an error and retries.
    tokio::join!(ann.send("count"), ann.send("count"));
    let answers = ann.recv_all();
    let won = answers
        .iter()
        .filter(|answer| answer.contains("messages"))
        .count();
    assert_eq!((won, answers.len()), (1, 2), "{answers:?}");
}

#[test]
fn a_deadline_in_the_past_is_ignored() {
    let ends = |deadline: u64| {
        let invocation = InvocationContext::of(deadline, None, None);
        invocation.deadline.is_some()
    };
    let now = Timestamp::now().millis();
    assert!(ends(now + 10_000));
    // The duration of `cargo lambda watch`, and a missing deadline.
    assert!(!ends(600_000));
    assert!(!ends(0));
}
