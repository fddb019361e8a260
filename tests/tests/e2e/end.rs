//! How a gateway ends: whatever ends it, nothing of it stays.

use rustix::process::Signal;
use serde_json::json;
use tests::{Gateway, Setup, chat, until, within};

async fn ends_well_by(signal: Signal) {
    let gateway = Gateway::chat().await;
    let (url, processes) = (gateway.url.clone(), gateway.processes.clone());
    let mut clients = Vec::new();
    for user in ["ann", "bob", "cat"] {
        clients.push(gateway.client(&format!("user={user}")).await);
    }
    assert!(!processes.running(&chat()).is_empty());
    gateway.program.signal(signal);
    for client in &mut clients {
        assert_eq!(client.closed().await, (1001, "Going away".to_owned()));
    }
    let ended = gateway.program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.errors(), [""; 0]);
    processes.ended().await;
    let port = url.trim_start_matches("ws://").split('/').next();
    let port = port.expect("a URL has an authority").to_owned();
    let again = tokio::net::TcpStream::connect(port);
    assert!(within("a refusal", again).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn sigterm_closes_every_connection_and_leaves_no_process() {
    ends_well_by(Signal::TERM).await;
}

#[tokio::test]
async fn ctrl_c_closes_every_connection_and_leaves_no_process() {
    ends_well_by(Signal::INT).await;
}

#[tokio::test]
async fn a_killed_gateway_ends_its_function() {
    let gateway = Gateway::chat().await;
    let processes = gateway.processes.clone();
    let mut ann = gateway.client("user=ann").await;
    let ended = gateway.end(Signal::KILL).await;
    assert_eq!(ended.code, None);
    assert_eq!(ann.closed().await.0, 1006);
    processes.ended().await;
}

#[tokio::test]
async fn a_function_that_hangs_does_not_delay_the_end_of_the_gateway() {
    let probe = env!("CARGO_BIN_EXE_probe");
    let setup = Setup::new().template("routes.yaml").program([probe]);
    let gateway = setup.start().await;
    let processes = gateway.processes.clone();
    let mut client = gateway.client("").await;
    client.send(json!({"action": "oneway", "do": "hang"})).await;
    gateway.program.signal(Signal::TERM);
    assert_eq!(client.closed().await.0, 1001);
    assert_eq!(gateway.program.ended().await.code, Some(0));
    processes.ended().await;
}

#[tokio::test]
async fn a_process_that_is_killed_is_replaced() {
    let gateway = Gateway::chat().await;
    // Who has been welcomed is not welcomed in the middle of it.
    let mut ann = gateway.welcomed("user=ann").await;
    for round in 0..3 {
        let old = gateway.processes.running(&chat());
        for id in &old {
            tests::signal(*id, Signal::KILL);
        }
        until("their end", async || {
            let left = gateway.processes.running(&chat());
            left.iter().all(|id| !old.contains(id)).then_some(())
        })
        .await;
        let say = |attempt| json!({"action": "say", "text": format!("{round}.{attempt}")});
        let mut attempt = 0;
        ann.send(say(attempt)).await;
        // The gateway may not know yet that the process it gives a message to is no more, or was
        // killed before it had reported the last one done: then this one still arrives.
        loop {
            let heard = ann.json().await;
            match heard["text"].as_str() {
                Some(text) if text.starts_with(&format!("{round}.")) => break,
                Some(_) => {}
                None => {
                    assert_eq!(heard["message"], "Internal server error", "{heard}");
                    attempt += 1;
                    assert!(attempt < 5, "it is replaced");
                    ann.send(say(attempt)).await;
                }
            }
        }
    }
    gateway.stop().await;
}
