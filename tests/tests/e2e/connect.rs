//! The interactive client, in a pipe.

use serde_json::{Value, json};
use tests::{Ended, Gateway, Program, Setup, gateway, root, within};

fn start(url: &str, args: &[&str]) -> Program {
    let args = ["connect", url].into_iter().chain(args.iter().copied());
    Program::start(&gateway(), &root(), args)
}

fn json_lines(ended: &Ended) -> Vec<Value> {
    let lines = ended.stdout.iter();
    lines
        .map(|line| serde_json::from_str(line).expect("a line is a message"))
        .collect()
}

#[tokio::test]
async fn a_line_is_a_message_and_a_message_is_a_line() {
    let gateway = Gateway::chat().await;
    // It lingers for longer than an answer takes, and each answer gives it that long again.
    let mut ann = start(&gateway.at("user=ann"), &["--linger", "3600"]);
    let welcome = ann.stdout.find(|line| line.contains("welcome"));
    within("a welcome", welcome).await.expect("a welcome");
    ann.type_line(r#"{"action":"who"}"#).await;
    let members = ann.stdout.find(|line| line.contains("members"));
    let members = within("an answer", members).await.expect("an answer");
    let expected = json!({"type": "members", "room": "lobby", "users": ["ann"]});
    let found = serde_json::from_str::<Value>(&members).expect("JSON");
    assert_eq!(found, expected);

    let mut bob = gateway.welcomed("user=bob").await;
    let joined = ann.stdout.find(|line| line.contains("joined"));
    assert!(within("who joins", joined).await.is_some());
    ann.type_line(r#"{"action":"say","text":"one"}"#).await;
    let said = json!({"type": "said", "user": "ann", "room": "lobby", "text": "one"});
    bob.expects(said).await;
    let said = ann.stdout.find(|line| line.contains("said"));
    assert!(within("its own words", said).await.is_some());

    ann.signal(rustix::process::Signal::INT);
    let ended = ann.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(json_lines(&ended).len(), 4);
    assert_eq!(ended.stderr, [""; 0]);
    let left = json!({"type": "left", "users": ["ann"], "room": "lobby"});
    bob.expects(left).await;
    gateway.stop().await;
}

#[tokio::test]
async fn the_end_of_the_input_closes_after_the_answers() {
    let gateway = Gateway::chat().await;
    let mut ann = start(&gateway.at("user=ann"), &["--linger", "20"]);
    let welcome = ann.stdout.find(|line| line.contains("welcome"));
    within("a welcome", welcome).await.expect("a welcome");
    ann.type_line(r#"{"action":"who"}"#).await;
    ann.type_line("nonsense").await;
    let ended = ann.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(json_lines(&ended).len(), 3, "{ended:?}");
    let at_once = start(&gateway.at("user=ann"), &["--linger", "0"]);
    assert_eq!(at_once.ended().await.code, Some(0));
    gateway.table().await.has(0, 0, 0).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_rejected_client_sees_the_status() {
    let gateway = Gateway::chat().await;
    let ended = start(&gateway.url, &[]).ended().await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.errors().len(), 1, "{ended:?}");
    assert!(ended.errors()[0].contains("401"), "{ended:?}");
    let url = gateway.url.clone();
    gateway.stop().await;
    let ended = start(&url, &[]).ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.errors().len(), 1, "{ended:?}");
    let ended = start("http://127.0.0.1:1/dev", &[]).ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.errors().len(), 1, "{ended:?}");
}

#[tokio::test]
async fn headers_and_sub_protocols_are_offered() {
    // This one answers `$connect` with what it is told; the function sees the offers in its log.
    let program = [env!("CARGO_BIN_EXE_probe"), "log"];
    let setup = Setup::new().template("routes.yaml").program(program);
    let mut gateway = setup.start().await;
    let header = ["--header", "X-Who: ann", "--linger", "0"];
    let args = [&header[..], &["-p", "chat.v2", "-p", "chat.v1"]].concat();
    let command = "command=%7B%22return%22%3A%7B%22statusCode%22%3A200%2C%22headers%22%3A%7B%22\
                   Sec-WebSocket-Protocol%22%3A%22chat.v1%22%7D%7D%7D";
    let ended = start(&gateway.at(command), &args).ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let seen = gateway.program.stderr.find(|line| line.contains("x-who"));
    let result = within("the event", seen).await;
    let seen = result.expect("the event is logged");
    assert!(seen.contains(r#""x-who":"ann""#), "{seen}");
    assert!(seen.contains(r#""chat.v2, chat.v1""#), "{seen}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_the_server_disconnects_sees_the_close_code() {
    let gateway = Gateway::chat().await;
    let mut ann = start(&gateway.at("user=ann"), &["--linger", "3600"]);
    ann.type_line(r#"{"action":"who"}"#).await;
    within("an answer", ann.stdout.find(|_| true)).await;
    gateway.stop().await;
    let ended = ann.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let last = ended.stderr.last().map(String::as_str);
    assert_eq!(last, Some("closed by the server: 1001 Going away"));
}

/// The function with lossless rooms.
fn lossless(data: &std::path::Path) -> Setup {
    let setup = Setup::new().args(["--data".as_ref(), data.as_os_str()]);
    setup.program([env!("CARGO_BIN_EXE_lossless")])
}

async fn publish(gateway: &Gateway, room: &str, text: &str) {
    let event = json!({"publish": {"room": room, "data": text}}).to_string();
    let answer = gateway.admin("POST", "invoke", &event).await;
    assert!(answer["response"]["position"].is_array(), "{answer}");
}

/// Waits for a line of a room, and returns its position and its data.
async fn message(follower: &mut Program, text: &str) -> (String, String) {
    let wanted = format!("{text:?}");
    let line = follower.stdout.find(|line| line.ends_with(&wanted));
    let line = within("a message", line).await.expect("a message");
    let mut parts = line.splitn(3, ' ');
    let mut part = || parts.next().expect("ROOM EPOCH:SEQ DATA").to_owned();
    (part(), part())
}

#[tokio::test]
async fn subscriptions_survive_a_restart_of_the_gateway_and_print_what_was_missed() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("tables");
    let gateway = lossless(&data).start().await;
    let (port, url) = (gateway.port(), gateway.url.clone());
    let args = ["--subscribe", "long/tea", "--subscribe", "short/tea"];
    let mut follower = start(&url, &args);
    for room in ["long/tea", "short/tea"] {
        let subscribed = format!("subscribed to {room}");
        let subscribed = follower.stderr.find(|line| line.contains(&subscribed));
        within("a subscription", subscribed).await.expect("a line");
    }
    publish(&gateway, "long/tea", "one").await;
    let (room, first) = message(&mut follower, "one").await;
    assert_eq!(room, "long/tea");
    assert!(first.ends_with(":1"), "{first}");
    // The room keeps 20 messages.
    publish(&gateway, "short/tea", "first").await;
    assert_eq!(message(&mut follower, "first").await.0, "short/tea");

    gateway.stop().await;
    let lost = follower
        .stderr
        .find(|line| line.contains("connecting again"));
    within("a lost connection", lost).await.expect("a line");
    // Messages arrive at another port first, so that the follower misses them.
    let elsewhere = lossless(&data).start().await;
    publish(&elsewhere, "long/tea", "two").await;
    publish(&elsewhere, "long/tea", "three").await;
    for number in 0..25 {
        publish(&elsewhere, "short/tea", &format!("message {number}")).await;
    }
    elsewhere.stop().await;
    let gateway = lossless(&data).port(port).start().await;
    let again = follower
        .stderr
        .find(|line| line.contains("connected again"));
    within("another connection", again).await.expect("a line");
    let (_, third) = message(&mut follower, "three").await;
    message(&mut follower, "message 24").await;

    follower.signal(rustix::process::Signal::INT);
    let ended = follower.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.complains(&format!("long/tea ends at {third}")),
        "{ended:?}"
    );
    let lines = |room: &str| {
        let lines = ended
            .stdout
            .iter()
            .filter_map(|line| line.strip_prefix(room));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let epoch = first.trim_end_matches(":1");
    let expected = ["one", "two", "three"].iter().zip(1..);
    let expected = expected.map(|(text, seq)| format!(" {epoch}:{seq} {text:?}"));
    assert_eq!(lines("long/tea"), expected.collect::<Vec<_>>());
    let short = lines("short/tea");
    assert_eq!(
        short.len(),
        1 + 1 + 20,
        "a message, a gap, and the history: {short:?}"
    );
    assert!(
        short[1].starts_with(" gap: 5 messages are lost after "),
        "{short:?}"
    );
    assert!(short[2].ends_with("\"message 5\""), "{short:?}");

    // Another process continues there.
    let args = ["--subscribe", "long/tea", "--since", &first];
    let mut follower = start(&gateway.url, &args);
    message(&mut follower, "two").await;
    assert_eq!(message(&mut follower, "three").await.1, third);
    follower.signal(rustix::process::Signal::INT);
    assert_eq!(follower.ended().await.code, Some(0));
    gateway.stop().await;
}

#[tokio::test]
async fn a_subscription_that_is_refused_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = lossless(&folder.path().join("tables")).start().await;
    let ended = start(&gateway.url, &["--subscribe", "secret"])
        .ended()
        .await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.errors()[0].contains("forbidden"), "{ended:?}");
    for args in [
        &["--since", "0mk0ztxmo:1"][..],
        &["--subscribe", "tea", "--since", "57"],
        &["--subscribe", "tea", "--linger", "1"],
    ] {
        let ended = start(&gateway.url, args).ended().await;
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
    }
    let args = [
        "--subscribe",
        "tea",
        "--subscribe",
        "news",
        "--since",
        "0mk0ztxmo:1",
    ];
    let ended = start(&gateway.url, &args).ended().await;
    assert!(ended.errors()[0].contains("--since"), "{ended:?}");
    gateway.stop().await;
}
