//! Another version of a program, deployed while clients are connected.

use super::other_events::{free_port, invoke};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tests::{Client, Setup, chat, until, within_time};

const CROWD: &str = env!("CARGO_BIN_EXE_crowd");

const CLIENTS: usize = 120;

const PATIENCE: Duration = Duration::from_secs(180);

/// Writes a version of the program at once, as a build does. Bytes after its end do not change what it does.
fn deploy(version: u8, program: &Path) {
    let next = program.with_extension("next");
    std::fs::copy(CROWD, &next).expect("a copy");
    let file = std::fs::OpenOptions::new().append(true).open(&next);
    file.expect("a file").write_all(&[version]).expect("a byte");
    std::fs::rename(&next, program).expect("a program");
}

/// Sends a message that every version rejects, and returns the number of other messages before the answer.
async fn heard_before(client: &mut Client, other: &str) -> usize {
    client.send(json!({"action": "dance"})).await;
    let mut count = 0;
    loop {
        match client.text().await {
            text if text == other => count += 1,
            text => {
                assert!(text.contains("unknown_action"), "{text}");
                return count;
            }
        }
    }
}

#[tokio::test]
async fn a_program_that_is_replaced_during_a_broadcast_keeps_connections_and_skips_no_recipient() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().canonicalize().expect("a path").join("crowd");
    deploy(1, &program);
    let setup = Setup::new().template("crowd.yaml").program([&program]);
    let setup = setup.args([
        "--lambda-retry-delay",
        "11",
        "--parameter-overrides",
        "Rate=20",
    ]);
    let mut gateway = setup.start().await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(gateway.client("").await);
    }
    gateway.table().await.has(CLIENTS, CLIENTS, 0).await;

    clients[0]
        .send(json!({"action": "shout", "text": "hello"}))
        .await;
    let delivery: Value = loop {
        let text = clients[0].text().await;
        if let Ok(delivery @ Value::Object(_)) = serde_json::from_str(&text) {
            break delivery;
        }
    };
    assert_eq!(delivery["tasks"], 4, "{delivery}");
    deploy(2, &program);
    let reloaded = |line: &str| line.contains("Crowd") && line.contains("ok");
    let line = within_time(PATIENCE, "a reload", gateway.program.stderr.find(reloaded)).await;
    assert!(line.is_some());

    let hear = clients[1..].iter_mut().map(|client| client.text());
    let heard = within_time(PATIENCE, "all recipients", join_all(hear)).await;
    assert!(heard.iter().all(|text| text == "hello"));
    let again = join_all(
        clients[1..]
            .iter_mut()
            .map(|client| heard_before(client, "hello")),
    )
    .await;
    let again: usize = again.into_iter().sum();
    assert_eq!(
        again, 0,
        "running tasks end in the old version, and others start in the new one"
    );
    until("a process of the new version", async || {
        (!gateway.processes.running(&program).is_empty()).then_some(())
    })
    .await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_task_of_another_format_fails_and_names_the_fix() {
    let (port, lambda) = free_port().await;
    let setup = Setup::new().args(["--lambda-port", &port]);
    let gateway = setup.program([chat()]).start().await;
    for form in [0, 2, 4] {
        // Another version may have other fields.
        let task = json!({"form": form, "id": "a-0", "kind": {"sing": "a song"}});
        let (failed, error) = invoke(&lambda, &json!({"lambdaWsTask": task})).await;
        assert!(failed);
        let message = error["errorMessage"].as_str().expect("a message");
        assert!(message.contains(&format!("has format {form}")), "{message}");
        assert!(message.contains("fix: deploy with versions"), "{message}");
    }
    // The fields of the same format can be missing: an older version did not write them.
    let rest =
        json!({"scope": {"room": "tea"}, "message": "hello", "ranges": [{"from": 0, "to": 255}]});
    let send = json!({"rate": 10, "rest": rest});
    let task = json!({"form": 3, "id": "b-0", "hop": 1, "kind": {"send": send}});
    let event = json!({"lambdaWsTask": task});
    let (failed, done) = invoke(&lambda, &event).await;
    assert!(!failed, "{done}");
    assert_eq!(done, "done");
    // Lambda may deliver a task twice, also to two versions.
    assert_eq!(invoke(&lambda, &event).await, (false, json!("known")));
    gateway.stop().await;
}
