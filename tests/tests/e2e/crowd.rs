//! Many clients, and processes that die.

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::{Client, Gateway, chat, signal};

const CLIENTS: usize = 200;
const MESSAGES: usize = 20;

fn said(user: usize, text: &str) -> Value {
    json!({"type": "said", "user": format!("u{user}"), "room": "hall", "text": text})
}

/// Says something, waits until everybody has heard it, and returns what they heard before that.
async fn all_hear(clients: &mut [Client], user: usize, text: &str) -> Vec<Value> {
    clients[user]
        .send(json!({"action": "say", "text": text}))
        .await;
    let said = said(user, text);
    let hear = |client| Client::expects_at_last(client, &said);
    join_all(clients.iter_mut().map(hear)).await.concat()
}

// One after another: on a slow machine many at once take so long that what is slow is taken for lost,
// and is sent again.
#[tokio::test]
async fn two_hundred_clients_hear_every_message_once_and_survive_a_killed_process() {
    let gateway = Gateway::chat().await;
    let table = gateway.table().await;
    let mut clients = Vec::new();
    for user in 0..CLIENTS {
        let client = gateway.welcomed(&format!("user=u{user}&room=hall")).await;
        clients.push(client);
    }
    table.has(CLIENTS, CLIENTS, CLIENTS).await;

    // A message that came twice would be among what is heard before the next.
    for user in 0..MESSAGES {
        let before = all_hear(&mut clients, user, &format!("message {user}")).await;
        let joined = before.iter().all(|heard| heard["type"] == "joined");
        assert!(joined, "before message {user}: {before:?}");
    }
    let before = all_hear(&mut clients, 0, "over").await;
    assert_eq!(before, [Value::Null; 0]);

    let before = gateway.processes.work(&chat());
    clients[0]
        .send(json!({"action": "say", "text": "the last words of a process"}))
        .await;
    clients[CLIENTS - 1].json().await;
    let victim = gateway.processes.busiest(&chat(), &before);
    signal(victim.expect("the chat runs"), Signal::KILL);
    all_hear(&mut clients, 0, "we go on").await;

    let mut first = clients.swap_remove(0);
    for client in clients {
        client.close().await;
    }
    let mut left = BTreeSet::new();
    let mut messages = 0;
    while left.len() < CLIENTS - 1 {
        let heard = first.json().await;
        assert_eq!(heard["type"], "left", "{heard}");
        messages += 1;
        for user in heard["users"].as_array().expect("a list") {
            assert!(left.insert(user.to_string()), "{user} left twice");
        }
    }
    assert!(
        messages < CLIENTS / 4,
        "{messages} messages for all who left"
    );
    first.close().await;
    table.has(0, 0, 0).await;
    gateway.stop().await;
}
