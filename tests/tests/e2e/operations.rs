//! What the function tells those who operate it.

use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests::{Client, Ended, Gateway, Setup, chat, until, within};

const SCHEMA: &str = include_str!("../../fixtures/emf.schema.json");

/// What must not be logged.
const SECRET: &str = "hunter2";

async fn gateway() -> Gateway {
    let setup = Setup::new().template("watched.yaml");
    setup.program([chat()]).start().await
}

/// Ends a connection, and waits until its function has told so.
async fn leave(client: Client, gateway: &mut Gateway) {
    client.close().await;
    let told = |line: &str| line.contains("\"Disconnects\":1");
    let told = gateway.program.stderr.find(told);
    assert!(within("the last metrics", told).await.is_some());
}

/// What the function's processes wrote, line by line, as it came through the gateway's log.
fn lines(ended: &Ended) -> Vec<Value> {
    let all = ended.stdout.iter().chain(&ended.stderr);
    let of_the_function = all.filter_map(|line| line.strip_prefix("Chat ")?.split_once(" | "));
    let lines = of_the_function.filter(|(_, text)| text.starts_with('{'));
    let read = lines.map(|(_, text)| serde_json::from_str(text).expect("the line is whole"));
    read.collect()
}

#[tokio::test]
async fn metrics_in_the_gateways_log_are_valid_for_cloudwatch() {
    let mut gateway = gateway().await;
    let mut ann = gateway.welcomed("user=ann").await;
    ann.send(json!({"action": "say", "text": "hello"})).await;
    assert_eq!(ann.json().await["type"], "said");
    ann.send(json!({"action": "dance"})).await;
    assert_eq!(ann.json().await["error"]["code"], "unknown_action");
    gateway.try_client("user=").await.expect_err("nobody");
    leave(ann, &mut gateway).await;
    until("the end of the task that announces who left", async || {
        let lines = gateway.program.stderr.now();
        let begun = |line: &&String| line.contains("\"TasksBegun\":1");
        let tasks = lines.iter().filter(begun);
        (tasks.count() == 2).then_some(())
    })
    .await;
    let ended = gateway.end(Signal::TERM).await;

    let schema = serde_json::from_str(SCHEMA).expect("a fixture");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let lines = lines(&ended);
    for line in lines.iter().filter(|line| line.get("_aws").is_some()) {
        if let Err(error) = schema.validate(line) {
            panic!("{error}: {line}");
        }
        assert_eq!(line["Function"], "Chat");
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Namespace"], "Chat/test");
        for (name, value) in line.as_object().expect("an object") {
            let label = line["Route"].as_str().filter(|_| name == "Messages");
            let name = [name, label.unwrap_or_default()].concat();
            match value {
                Value::Number(sum) => {
                    *sums.entry(name).or_default() += sum.as_u64().expect("a count")
                }
                Value::Array(values) => *times.entry(name).or_default() += values.len(),
                _ => {}
            }
        }
    }
    let expected = [
        ("Connects", 1),
        ("Refusals", 1),
        ("Disconnects", 1),
        ("Messagessay", 1),
        ("Messages$default", 1),
        ("Failures", 0),
        ("TasksHandedOn", 2),
        ("TasksBegun", 2),
    ];
    for (name, count) in expected {
        assert_eq!(sums.get(name), Some(&count), "{name}: {sums:?}");
    }
    // Two handshakes, a join, a welcome message, two messages, a departure.
    assert_eq!(times["HandlerTime"], 7, "{times:?}");
    // Once a process.
    assert_eq!(times["InitTime"] as u64, sums["ColdStarts"]);
}

#[tokio::test]
async fn tokens_and_messages_are_never_logged() {
    let mut gateway = gateway().await;
    let url = gateway.at("user=ann&token=hunter2&ticket=hunter2");
    let headers = [
        ("authorization", "Bearer hunter2"),
        ("cookie", "session=hunter2"),
        ("sec-websocket-protocol", "chat.v1, bearer, hunter2"),
    ];
    let mut ann = Client::try_connect(&url, &headers).await.expect("she may");
    assert_eq!(ann.json().await["type"], "welcome");
    for text in [
        r#"{"action":"say","text":"hunter2"}"#,
        r#"{"action":"say","text":["hunter2"]}"#,
        r#"{"action":"hunter2"}"#,
        r#"{"action":"direct","to":"hunter2","text":"hunter2"}"#,
        "hunter2",
    ] {
        ann.send_text(text).await;
        ann.text().await;
    }
    leave(ann, &mut gateway).await;
    let ended = gateway.end(Signal::TERM).await;
    let lines = lines(&ended);
    for level in ["DEBUG", "TRACE"] {
        let logged = lines.iter().any(|line| line["level"] == level);
        assert!(logged, "nothing is logged at {level}");
    }
    for line in &lines {
        assert!(!line.to_string().contains(SECRET), "{line}");
    }
    let of_events = lines.iter().filter(|line| line.get("connection").is_some());
    let mut count = 0;
    for line in of_events {
        count += 1;
        for member in ["route", "request", "requestId", "xrayTraceId"] {
            assert!(line[member].is_string(), "no {member} in {line}");
        }
    }
    assert!(count > 0, "no line is about a connection");
}

#[tokio::test]
async fn a_task_has_the_trace_of_the_event_that_queued_it() {
    let mut gateway = gateway().await;
    let ann = gateway.welcomed("user=ann").await;
    leave(ann, &mut gateway).await;
    let ended = gateway.end(Signal::TERM).await;
    let lines = lines(&ended);
    let traces = |route: &str| {
        let of_route = lines.iter().filter(|line| line["route"] == route);
        let traces = of_route.filter_map(|line| line["xrayTraceId"].as_str());
        traces.collect::<std::collections::BTreeSet<_>>()
    };
    let connect = traces("$connect");
    assert_eq!(connect.len(), 1, "{connect:?}");
    assert_eq!(traces("$opened"), connect);
    let disconnect = traces("$disconnect");
    assert!(disconnect.is_disjoint(&connect), "{disconnect:?}");
}
