//! Tests of the protocol, as conversations of clients.

mod conversations;
mod errors;
mod lossless;

use crate::chat;
use lambda_ws::testing::{Client, Gateway};
use serde_json::{Value, json};

fn chat() -> Gateway {
    Gateway::new(chat::router())
}

/// Connects a client and skips its messages up to the welcome message.
async fn enter(gateway: &Gateway, user: &str, room: &str) -> Client {
    let uri = format!("/?user={user}&room={room}");
    let mut client = gateway.connect(&uri).await.expect("accepted");
    while client.recv_json::<Value>().await["type"] != "welcome" {}
    client
}

async fn say(client: &Client, text: &str) {
    let say = json!({"action": "say", "text": text});
    client.send(say.to_string()).await;
}

async fn join(client: &Client, room: &str) {
    let join = json!({"action": "join", "room": room});
    client.send(join.to_string()).await;
}

async fn direct(client: &Client, to: &str, text: &str) {
    let direct = json!({"action": "direct", "to": to, "text": text});
    client.send(direct.to_string()).await;
}

async fn who(client: &mut Client) -> Value {
    client.send(r#"{"action":"who"}"#).await;
    client.recv_json().await
}

/// Returns the messages that a client received since the last call.
fn received(client: &mut Client) -> Vec<Value> {
    let messages = client.recv_all();
    let json = messages.iter().map(|message| serde_json::from_str(message));
    json.collect::<Result<_, _>>().expect("JSON")
}

fn nothing() -> Vec<Value> {
    Vec::new()
}

fn joined(user: &str, room: &str) -> Value {
    json!({"type": "joined", "users": [user], "room": room})
}

fn left(user: &str, room: &str) -> Value {
    json!({"type": "left", "users": [user], "room": room})
}

fn said(user: &str, room: &str, text: &str) -> Value {
    json!({"type": "said", "user": user, "room": room, "text": text})
}

fn entered(room: &str) -> Value {
    json!({"type": "entered", "room": room})
}

fn members(room: &str, users: &[&str]) -> Value {
    json!({"type": "members", "room": room, "users": users})
}
