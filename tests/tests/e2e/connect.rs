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
