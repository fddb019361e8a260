//! Clients that do not read, beside others that do.

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tests::{Client, Gateway, Setup, SlowClients, until, within};

const CROWD: &str = env!("CARGO_BIN_EXE_crowd");

const LIVE: usize = 20;
const SLOW: usize = 12;
const MESSAGES: usize = 24;

/// What a process logs when it lowers its rate, and when that is over.
const HALVED: &str = "throttles the account";
const FULL: &str = "back at the full rate";

async fn hall() -> (Gateway, Vec<Client>) {
    hall_of(Setup::new()).await
}

async fn hall_of(setup: Setup) -> (Gateway, Vec<Client>) {
    let setup = setup.template("crowd.yaml").program([CROWD]);
    let setup = setup.args(["--parameter-overrides", "Rate=5000", "Seconds=29"]);
    let gateway = setup.start().await;
    let mut clients = Vec::new();
    for _ in 0..LIVE {
        clients.push(gateway.client("").await);
    }
    (gateway, clients)
}

/// Has a text shouted by the first client; what became of it.
async fn shout(clients: &mut [Client], text: &str) -> Value {
    clients[0]
        .send(json!({"action": "shout", "text": text}))
        .await;
    for client in clients.iter_mut() {
        assert_eq!(client.text().await, text);
    }
    clients[0].json().await
}

/// How many lines of the function's log say so.
fn logged(gateway: &Gateway, what: &str) -> usize {
    let (out, err) = (gateway.program.stdout.now(), gateway.program.stderr.now());
    let lines = out.iter().chain(&err);
    lines.filter(|line| line.contains(what)).count()
}

#[tokio::test]
async fn fault_h1_h2_slow_clients_change_no_rate_and_delay_nobody_after_the_first_message() {
    let (gateway, mut clients) = hall().await;
    let slow = SlowClients::connect(&gateway, "", SLOW).await;
    let mut quick = 0;
    for message in 0..MESSAGES {
        let (began, text) = (Instant::now(), format!("message {message}"));
        let shout = shout(&mut clients, &text);
        let delivery = within("a message for all", shout).await;
        assert_eq!(delivery["sent"], LIVE, "message {message}: {delivery}");
        assert_eq!(delivery["throttled"], SLOW, "message {message}: {delivery}");
        // The retries of one client take at least 0.425 s.
        quick += usize::from(began.elapsed() < Duration::from_millis(425));
    }
    assert!(
        quick >= MESSAGES / 2,
        "{quick} of {MESSAGES} without retries"
    );
    assert_eq!(logged(&gateway, HALVED), 0);
    drop(slow);
    gateway.stop().await;
}

#[tokio::test]
async fn fault_h1_a_throttled_account_lowers_the_rate_beside_slow_clients_and_it_comes_back() {
    // One process: the one that lowers its rate also handles the events after that.
    let (gateway, mut clients) = hall_of(Setup::new().args(["--concurrency", "1"])).await;
    let slow = SlowClients::connect(&gateway, "", SLOW).await;
    assert_eq!(shout(&mut clients, "before").await["throttled"], SLOW);

    let say = json!({"action": "shout", "text": "during"});
    gateway.admin("PUT", "faults", "throttle=30%").await;
    until("a lower rate", async || {
        clients[0].send(say.clone()).await;
        (logged(&gateway, HALVED) > 0).then_some(())
    })
    .await;
    gateway.admin("PUT", "faults", "off").await;
    until("the full rate", async || {
        clients[0].send(say.clone()).await;
        (logged(&gateway, FULL) > 0).then_some(())
    })
    .await;
    drop(slow);
    gateway.stop().await;
}
