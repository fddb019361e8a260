//! Messages to more than one invocation can send to.

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tests::{Client, Gateway, Setup, signal, until, within_time};

const CROWD: &str = env!("CARGO_BIN_EXE_crowd");

const CLIENTS: usize = 250;

/// How long a message to all of them may take, a retry of Lambda's included.
const PATIENCE: Duration = Duration::from_secs(180);

/// A gateway that tries a failed task again as soon as it may have been given up by who did it.
async fn hall(args: &[&str]) -> (Gateway, Vec<Client>) {
    let setup = Setup::new().template("crowd.yaml").program([CROWD]);
    let setup = setup.args(["--lambda-retry-delay", "11"]);
    let gateway = setup.args(args.iter().copied()).start().await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(gateway.client("").await);
    }
    gateway.table().await.has(CLIENTS, CLIENTS, 0).await;
    (gateway, clients)
}

/// Has a text shouted, and what came of it in the event itself.
async fn shout(client: &mut Client, text: &str) -> Value {
    client.send(json!({"action": "shout", "text": text})).await;
    // The sender is one of those who hear it.
    loop {
        let heard = client.text().await;
        if let Ok(Value::Object(delivery)) = serde_json::from_str(&heard) {
            return delivery.into();
        }
    }
}

#[tokio::test]
async fn tasks_continue_a_broadcast_that_exceeds_the_timeout() {
    let (gateway, mut clients) = hall(&[]).await;
    let (first, others) = clients.split_first_mut().expect("clients");
    let delivery = shout(first, "hello").await;
    assert_eq!(delivery["tasks"], 4, "{delivery}");
    assert_eq!(delivery["rest"], false, "{delivery}");
    let hear = others.iter_mut().map(|client| client.text());
    let heard = within_time(PATIENCE, "all who hear it", join_all(hear)).await;
    assert!(heard.iter().all(|text| text == "hello"));

    // Whoever was sent to twice hears it before this.
    let last = join_all(others.iter_mut().map(|client| async {
        client.send(json!({"action": "dance"})).await;
        client.text().await
    }));
    for text in last.await {
        assert!(text.contains("unknown_action"), "{text}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_killed_worker_skips_no_recipient() {
    let (gateway, mut clients) = hall(&[]).await;
    let program = Path::new(CROWD);
    let before = gateway.processes.work(program);
    let delivery = shout(&mut clients[0], "hello").await;
    assert_eq!(delivery["tasks"], 4, "{delivery}");
    // A worker, by what it has done since: the four share the work.
    let victim = until("a worker", async || {
        gateway.processes.busiest(program, &before)
    });
    signal(victim.await, Signal::KILL);

    let hear = clients[1..].iter_mut().map(|client| client.text());
    let heard = within_time(PATIENCE, "all who hear it", join_all(hear)).await;
    assert!(heard.iter().all(|text| text == "hello"));
    let last = join_all(clients[1..].iter_mut().map(|client| async {
        client.send(json!({"action": "dance"})).await;
        let mut again = 0;
        while client.text().await == "hello" {
            again += 1;
        }
        again
    }));
    let again: usize = last.await.into_iter().sum();
    assert!(
        again <= CLIENTS / 4,
        "{again} heard it again: more than a worker's part"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_second_function_continues_a_broadcast_and_leaves_the_clients_their_concurrency() {
    // Each function has one process and handles one event at a time.
    let args = [
        "--parameter-overrides",
        "TaskFunction=true",
        "--concurrency",
        "1",
    ];
    let (gateway, mut clients) = hall(&[&args[..], &["--process-concurrency", "1"]].concat()).await;
    let (first, others) = clients.split_first_mut().expect("clients");
    let delivery = shout(first, "hello").await;
    assert_eq!(delivery["tasks"], 4, "{delivery}");
    // The four tasks take several seconds in one process of the second function.
    for _ in 0..10 {
        first.send(json!({"action": "dance"})).await;
        // The first client is also one of the recipients.
        let mut answer = first.text().await;
        if answer == "hello" {
            answer = first.text().await;
        }
        assert!(answer.contains("unknown_action"), "{answer}");
    }
    let hear = others.iter_mut().map(|client| client.text());
    let heard = within_time(PATIENCE, "all recipients", join_all(hear)).await;
    assert!(heard.iter().all(|text| text == "hello"));

    let is_part = |line: &&String| line.contains("a part of a broadcast is sent");
    let all = until("the end of all tasks", async || {
        let lines = gateway.program.stderr.now();
        let parts: Vec<_> = lines.iter().filter(is_part).cloned().collect();
        (parts.len() == 4).then_some(parts)
    });
    let parts = all.await;
    assert!(
        parts.iter().all(|line| line.starts_with("CrowdTasks ")),
        "{parts:?}"
    );

    // Events of the API work there too. The function of the tasks is free again.
    let answer = until("an answer of the second function", async || {
        clients[0].send(json!({"action": "there"})).await;
        let mut answer = clients[0].text().await;
        if answer == "hello" {
            answer = clients[0].text().await;
        }
        (!answer.contains("Internal server error")).then_some(answer)
    });
    let answer = answer.await;
    assert!(answer.contains("unknown_action"), "{answer}");
    gateway.stop().await;
}

#[tokio::test]
async fn an_event_continues_a_broadcast_whose_task_function_is_missing() {
    let setup = Setup::new().template("crowd.yaml").program([CROWD]);
    let setup = setup.args(["--parameter-overrides", "Rate=1", "Seconds=3"]);
    let mut gateway = setup.args(["--env", "TASK_FUNCTION=deleted"]).start().await;
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(gateway.client("").await);
    }
    let delivery = shout(&mut clients[0], "hello").await;
    assert_eq!(
        (&delivery["tasks"], &delivery["rest"]),
        (&json!(0), &json!(true)),
        "{delivery}"
    );
    assert!(delivery["sent"].as_u64() > Some(0), "{delivery}");
    let names_fix = |line: &str| line.contains("(404)") && line.contains("correct `TASK_FUNCTION`");
    let line = within_time(
        PATIENCE,
        "a warning",
        gateway.program.stderr.find(names_fix),
    )
    .await;
    assert!(line.is_some());
    gateway.stop().await;
}
