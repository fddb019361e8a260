//! Between events a function stands still, as on Lambda.

use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use tests::{Client, Gateway, Setup, until, within};

const PROBE: &str = env!("CARGO_BIN_EXE_probe");

async fn probe(args: &[&str]) -> Gateway {
    let setup = Setup::new().template("routes.yaml").args(args);
    let setup = setup.args(["--concurrency", "1"]).program([PROBE]);
    setup.start().await
}

/// Sends an event and waits for its end.
async fn twoway(client: &mut Client, command: &Value) {
    let mut command = command.clone();
    command["action"] = "twoway".into();
    client.send(command).await;
    client.text().await;
}

/// Waits until the function is stopped.
async fn frozen(gateway: &Gateway) {
    until("a function that is stopped", async || {
        let ids = gateway.processes.ids();
        let stopped = |id: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let state = stat.rsplit_once(") ");
            state.is_some_and(|(_, rest)| rest.starts_with('T'))
        };
        (!ids.is_empty() && ids.iter().all(stopped)).then_some(())
    })
    .await;
}

fn later(file: &Path) -> Value {
    json!({"do": "later", "file": file, "return": {"statusCode": 200, "body": "ok"}})
}

#[tokio::test]
async fn work_that_is_not_awaited_is_frozen_and_the_log_explains_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = probe(&[]).await;
    let mut client = gateway.client("").await;
    let told = |gateway: &Gateway| {
        let lines = gateway.program.stderr.now().into_iter();
        lines
            .filter(|line| line.contains("await it before"))
            .count()
    };
    // On a busy machine the work may get its time only after the event, when there is nothing to see.
    for round in 0..20 {
        let file = folder.path().join(round.to_string());
        twoway(&mut client, &later(&file)).await;
        frozen(&gateway).await;
        std::fs::write(&file, "").expect("a file");
        frozen(&gateway).await;
        let ok = json!({"return": {"statusCode": 200, "body": "ok"}});
        twoway(&mut client, &ok).await;
        if told(&gateway) > 0 {
            break;
        }
    }
    assert_eq!(told(&gateway), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn work_that_is_not_awaited_continues_without_the_freeze() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut gateway = probe(&["--no-freeze"]).await;
    let mut client = gateway.client("").await;
    let file = folder.path().join("go");
    twoway(&mut client, &later(&file)).await;
    std::fs::write(&file, "").expect("a file");
    let late = gateway.program.stderr.find(|line| line.ends_with("late"));
    assert!(within("late work", late).await.is_some());
    gateway.stop().await;
}

#[tokio::test]
async fn a_killed_gateway_ends_a_frozen_function() {
    let gateway = probe(&[]).await;
    let processes = gateway.processes.clone();
    frozen(&gateway).await;
    gateway.end(Signal::KILL).await;
    processes.ended().await;
}
