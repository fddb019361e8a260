//! The loop of a function: layers, several events at once and the end of the process.

use rustix::process::Signal;
use serde_json::Value;
use std::ffi::OsString;
use std::time::{Duration, Instant};
use tests::{Gateway, Setup, example};

/// The command of the program `service` with these arguments.
fn service<const N: usize>(args: [&str; N]) -> impl Iterator<Item = OsString> {
    let program = example("service").into_os_string();
    std::iter::once(program).chain(args.map(OsString::from))
}

/// A gateway for one process that has so many events at once.
async fn one_process(events: &str) -> Gateway {
    let limits = ["--concurrency", "1", "--process-concurrency", events];
    let setup = Setup::new().template("open.yaml").args(limits);
    let shell = ["/bin/sh", "-c", "exec \"$0\" hook /dev/null"];
    let command = shell.map(OsString::from).into_iter().chain(service([]));
    setup.program(command).start().await
}

/// Sends a message of each of 16 clients at once. Returns the most events that were handled at once.
async fn sixteen_at_once(gateway: &Gateway) -> usize {
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(gateway.client("").await);
    }
    let answers = clients.iter_mut().map(|client| async {
        client.send_text("hello").await;
        client.text().await.parse::<usize>().expect("a number")
    });
    let answers = futures_util::future::join_all(answers).await;
    answers.into_iter().max().expect("16 answers")
}

#[tokio::test]
async fn one_process_handles_several_events_at_once_and_otherwise_one() {
    let gateway = one_process("16").await;
    let most = sixteen_at_once(&gateway).await;
    assert!((2..=16).contains(&most), "{most}");
    gateway.stop().await;
    let gateway = one_process("1").await;
    assert_eq!(sixteen_at_once(&gateway).await, 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_service_runs_on_lambda_runtime_with_its_layers() {
    let setup = Setup::new().template("open.yaml");
    let gateway = setup.program(service(["layers"])).start().await;
    let mut client = gateway.client("").await;
    for _ in 0..3 {
        client.send_text("hello").await;
        assert_eq!(client.text().await, "1");
    }
    client.close().await;
    let ended = gateway.end(Signal::TERM).await;
    let is_marked = |line: &&String| line.contains("layer: ");
    let marked = ended.stdout.iter().chain(&ended.stderr).filter(is_marked);
    assert_eq!(marked.count(), 3, "{ended:?}");
}

#[tokio::test]
async fn the_spans_of_the_library_are_children_of_the_invocation_in_lambda_runtimes_layer() {
    let setup = Setup::new()
        .template("open.yaml")
        .args(["--concurrency", "1"]);
    let gateway = setup.program(service(["otel"])).start().await;
    let mut client = gateway.client("").await;
    // The process may end before the span of the last event does.
    for _ in 0..3 {
        client.send_text("hello").await;
        assert_eq!(client.text().await, "1");
    }
    client.close().await;
    let ended = gateway.end(Signal::TERM).await;
    let lines = ended.stdout.iter().chain(&ended.stderr);
    let spans = lines.filter_map(|line| line.split_once("span: "));
    let spans: Vec<Value> = spans
        .map(|(_, span)| serde_json::from_str(span).expect("JSON"))
        .collect();
    let has = |span: &&Value, name: &str| !span["attributes"][name].is_null();
    let roots: Vec<_> = spans
        .iter()
        .filter(|span| has(span, "faas.invocation_id"))
        .collect();
    assert!(roots.len() >= 2, "{ended:?}");
    for (root, cold) in roots.into_iter().zip(["true", "false"]) {
        assert_eq!(root["name"], "Chat");
        assert_eq!(root["parent"], "0000000000000000");
        let attributes = &root["attributes"];
        assert_eq!(attributes["faas.name"], "Chat");
        assert_eq!(attributes["faas.trigger"], "pubsub");
        assert_eq!(attributes["faas.coldstart"], cold);
        let children = spans.iter().filter(|span| span["parent"] == root["id"]);
        let [event] = &children.collect::<Vec<_>>()[..] else {
            panic!("one event is expected: {spans:?}");
        };
        assert_eq!(event["name"], "event");
        assert_eq!(event["attributes"]["route"], "$default");
        let id = &event["attributes"]["requestId"];
        assert_eq!(*id, attributes["faas.invocation_id"]);
    }
}

#[tokio::test]
async fn the_shutdown_hook_runs_when_the_gateway_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("end");
    let path = file.to_str().expect("text");
    let setup = Setup::new().template("open.yaml");
    let gateway = setup.program(service(["hook", path])).start().await;
    let mut client = gateway.client("").await;
    client.send_text("hello").await;
    client.text().await;
    client.close().await;
    assert!(!file.exists(), "it runs too early");
    let began = Instant::now();
    gateway.stop().await;
    let written = std::fs::read_to_string(&file).expect("the hook has written it");
    assert_eq!(written, "the end");
    assert!(began.elapsed() < Duration::from_secs(20));
}
