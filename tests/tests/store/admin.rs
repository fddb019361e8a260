//! What admin commands cost with 5 000 connections, each with a user and two rooms.
//!
//! A count or a list reads at most 3 units for 100 rows. Details read each record with a strongly consistent read.

use super::meter::Meter;
use super::table::Table;
use lambda_runtime::tower::Service;
use lambda_runtime::{Context, LambdaEvent};
use lambda_ws::store::{DynamoDb, Record, Store};
use lambda_ws::transport::{Inspection, Transport};
use lambda_ws::{App, AppService, Channels, ConnectionId, History, Router, SendError, Timestamp};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt::Write;
use std::time::Duration;

const CONNECTIONS: usize = 5000;
const USERS: usize = 50;

/// The most read units of a count or a list for 100 rows.
const MOST: f64 = 3.0;

/// A management API whose connections are all open.
struct AllOpen;

impl Transport for AllOpen {
    async fn post(&self, _: &ConnectionId, _: &lambda_ws::Payload) -> Result<(), SendError> {
        Ok(())
    }

    async fn close(&self, _: &ConnectionId) -> Result<(), SendError> {
        Ok(())
    }

    async fn inspect(&self, _: &ConnectionId) -> Result<Inspection, SendError> {
        Ok(Inspection::default())
    }

    fn url(&self) -> &str {
        "https://abcdef1234.execute-api.us-east-1.amazonaws.com/prod"
    }
}

struct Operator {
    service: AppService,
    meter: Meter,
    table: String,
}

impl Operator {
    async fn new(store: DynamoDb, meter: Meter) -> Self {
        let history = History::new(100, Duration::from_secs(3600));
        let channels = Channels::new().history("chat/*", history);
        let app = App::new(Router::new().channels(channels).admin());
        let service = app.store(store).transport(AllOpen).into_service();
        let service = service.await.expect("a store and a transport suffice");
        meter.take();
        let table = format!(
            "{:<34} {:>4} {:>4} {:>7} {:>6}\n",
            "", "rows", "req", "RCU", "/100"
        );
        Self {
            service,
            meter,
            table,
        }
    }

    async fn invoke(&mut self, command: &Value) -> Value {
        let event = to_raw_value(&json!({ "admin": command })).expect("JSON");
        let called = self
            .service
            .call(LambdaEvent::new(event, Context::default()));
        let answer = called.await.expect("an answer");
        serde_json::to_value(answer).expect("JSON")
    }

    /// Sends a command until it has no next page. Returns its answers, and adds a line with the number of rows.
    async fn run(&mut self, what: &str, command: Value, rows: impl Fn(&Value) -> usize) -> f64 {
        let (name, mut members) = {
            let (name, members) = command
                .as_object()
                .expect("a command")
                .iter()
                .next()
                .expect("a name");
            (name.clone(), members.clone())
        };
        let mut total = 0;
        loop {
            let answer = self.invoke(&json!({ &*name: members })).await;
            total += rows(&answer);
            match answer.get("next") {
                Some(next) => members["cursor"] = next.clone(),
                None => break,
            }
        }
        let bill = self.meter.take();
        let per_hundred = bill.read_units * 100.0 / total.max(1) as f64;
        writeln!(
            self.table,
            "{what:<34} {total:>4} {:>4} {:>7} {per_hundred:>6.2}",
            bill.requests.len(),
            bill.read_units,
        )
        .expect("a string");
        per_hundred
    }
}

fn count(answer: &Value) -> usize {
    answer["count"].as_u64().expect("a count") as usize
}

fn listed(answer: &Value) -> usize {
    answer["connections"].as_array().expect("rows").len()
}

fn one(_: &Value) -> usize {
    1
}

/// Returns a time of the last 20 s whose seconds and milliseconds end with 1. DynamoDB stores a number without its trailing
/// zeros, so the sizes of records would differ from run to run.
fn without_trailing_zeros(now: Timestamp) -> Timestamp {
    let tens = now.millis() / 10_000 - 1;
    Timestamp::from_millis(tens * 10_000 + 1_001)
}

#[tokio::test]
async fn counts_and_lists_read_at_most_3_units_for_100_rows() {
    let meter = Meter::default();
    let store = Table::metered(&meter).store;
    let now = without_trailing_zeros(Timestamp::now());
    let mut ids = HashSet::new();
    for number in 0..CONNECTIONS {
        let id = ConnectionId::from(format!("c{number:014}="));
        let mut record = Record::new(id.clone(), now, "abcdef1234/prod", now);
        record.user = Some(format!("user{}", number % USERS));
        record.rooms = ["lobby".to_owned(), format!("chat/{}", number % 500)].into();
        store.register(&record).await.expect("register");
        ids.insert(id.to_string());
    }
    let shown = ConnectionId::from(format!("c{:014}=", 7));
    let session = format!("\"{}\"", "x".repeat(10 * 1024));
    store.save(&shown, now, &session, 0).await.expect("save");
    let mut operator = Operator::new(store, meter).await;

    for (what, target) in [
        ("all", json!({})),
        ("a room of 5 000", json!({"room": "lobby"})),
        ("a user with 100", json!({"user": "user7"})),
    ] {
        let line = format!("count, {what}");
        let units = operator.run(&line, json!({"count": target}), count).await;
        assert!(units <= MOST, "{line}: {units}");
        let line = format!("list, {what}");
        let units = operator.run(&line, json!({"list": target}), listed).await;
        assert!(units <= MOST, "{line}: {units}");
    }
    let room = json!({"list": {"room": "lobby", "details": true}});
    operator
        .run("list --details, a room of 5 000", room, listed)
        .await;
    let room = json!({"list": {"room": "chat/7", "details": true}});
    operator
        .run("list --details, a room of 10", room, listed)
        .await;
    let show = json!({"show": {"connection": shown}});
    operator.run("show, a session of 10 KB", show, one).await;
    let follow = operator
        .invoke(&json!({"follow": {"room": "chat/7"}}))
        .await;
    operator.meter.take();
    let follow = json!({"follow": {"room": "chat/7", "since": follow["position"]}});
    operator.run("follow, no new message", follow, one).await;
    operator.run("tasks, none", json!({"tasks": {}}), one).await;
    let close = json!({"disconnect": {"room": "lobby"}});
    let closed = |answer: &Value| answer["closed"].as_u64().expect("a count") as usize;
    operator
        .run("disconnect, a room of 5 000", close, closed)
        .await;

    // The pages contain each connection once.
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = operator.invoke(&json!({"list": {"cursor": cursor}})).await;
        let rows = page["connections"].as_array().expect("rows").iter();
        found.extend(rows.map(|row| row["connection"].as_str().expect("an id").to_owned()));
        match page.get("next") {
            Some(next) => cursor = Some(next.clone()),
            None => break,
        }
    }
    assert_eq!(found.len(), CONNECTIONS);
    assert_eq!(HashSet::from_iter(found), ids);

    println!("{}", operator.table);
    insta::assert_snapshot!(operator.table);
}
