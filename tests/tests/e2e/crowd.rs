//! Many clients, and processes that die.

use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tests::{Client, Gateway, chat};

const CLIENTS: usize = 200;
const MESSAGES: usize = 20;
/// How many come or go at once: all others are told of each, and those who are not there any more or
/// not yet are tried again.
const GROUP: usize = 10;

fn said(text: &str) -> Value {
    json!({"type": "said", "user": "u0", "room": "hall", "text": text})
}

#[tokio::test]
async fn two_hundred_clients_hear_every_message_once_and_survive_a_killed_process() {
    let gateway = Gateway::chat().await;
    let table = gateway.table().await;
    let mut clients = Vec::new();
    let urls: Vec<_> = (0..CLIENTS)
        .map(|n| gateway.at(&format!("user=u{n}&room=hall")))
        .collect();
    for some in urls.chunks(GROUP) {
        clients.extend(join_all(some.iter().map(|url| Client::connect(url))).await);
    }
    table.has(CLIENTS, CLIENTS, CLIENTS).await;

    let texts: Vec<_> = (0..MESSAGES).map(|n| format!("message {n}")).collect();
    for text in &texts {
        clients[0].say(json!({"action": "say", "text": text})).await;
    }
    // Who was there first has also heard the others join.
    join_all(clients.iter_mut().map(async |client| {
        let mut missing: Vec<_> = texts.iter().map(|text| said(text)).collect();
        while !missing.is_empty() {
            let heard = client.json().await;
            if heard["type"] == "said" {
                let found = missing.iter().position(|one| *one == heard);
                missing.swap_remove(found.unwrap_or_else(|| panic!("{heard} again")));
            }
        }
    }))
    .await;
    // Whatever is still on its way comes before this; a message that came twice would be among it.
    clients[0]
        .say(json!({"action": "say", "text": "over"}))
        .await;
    join_all(clients.iter_mut().map(async |client| {
        let late = client.hears_at_last(&said("over")).await;
        assert!(
            late.iter().all(|heard| heard["type"] == "joined"),
            "{late:?}"
        );
    }))
    .await;

    let before = gateway.processes.work(&chat());
    clients[0]
        .say(json!({"action": "say", "text": "the last words of a process"}))
        .await;
    clients[CLIENTS - 1].json().await;
    let victim = gateway
        .processes
        .busiest(&chat(), &before)
        .expect("the chat runs");
    let victim = Pid::from_raw(victim.cast_signed()).expect("a process has an id");
    kill_process(victim, Signal::KILL).expect("it is there");
    clients[0]
        .say(json!({"action": "say", "text": "we go on"}))
        .await;
    join_all(clients.iter_mut().map(async |client| {
        client.hears_at_last(&said("we go on")).await;
    }))
    .await;

    while !clients.is_empty() {
        let some = clients.split_off(clients.len().saturating_sub(GROUP));
        join_all(some.into_iter().map(Client::close)).await;
        let left = clients.len();
        table.has(left, left, left).await;
    }
    gateway.stop().await;
}
