//! Lossless rooms over a gateway in memory.

mod authorization;
mod frames;
mod requests;
mod rooms;

use crate::extract::Query;
use crate::testing::{Client, Gateway};
use crate::{Channels, Connection, Error, History, Json, Opening, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

const HISTORY: History = History::new(100, Duration::from_secs(3600));

#[derive(Deserialize)]
struct Who {
    user: Option<String>,
}

async fn connect(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
    if let Some(user) = who.user {
        me.user(&user)?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Say {
    room: String,
    data: Value,
}

async fn say(me: Connection, Json(say): Json<Say>) -> Result<(), Error> {
    me.room(say.room).publish(&say.data).await?;
    Ok(())
}

fn channels() -> Channels {
    let channels = Channels::new().history("tea*", HISTORY);
    channels.public("tea*").public("open")
}

fn gateway(channels: Channels) -> Gateway {
    let router = Router::new().connect(connect).route("say", say);
    Gateway::new(router.channels(channels))
}

fn said(room: &str, data: impl Into<Value>) -> Json<Value> {
    Json(json!({"action": "say", "room": room, "data": data.into()}))
}

fn received(client: &mut Client) -> Vec<Value> {
    let messages = client.recv_all();
    let read = |message: String| serde_json::from_str(&message).expect("frames are JSON");
    messages.into_iter().map(read).collect()
}

/// Sends a frame, and returns its answer.
async fn ask(client: &mut Client, frame: Value) -> Value {
    client.send(Json(frame)).await;
    let mut answers = received(client);
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.remove(0)
}

/// Subscribes to a room, and returns the position.
async fn subscribed(client: &mut Client, room: &str) -> (String, u64) {
    let answer = ask(client, json!({"action": "$subscribe", "room": room})).await;
    assert_eq!(
        (&answer["$"], &answer["room"]),
        (&json!("subscribed"), &json!(room)),
        "{answer}"
    );
    let epoch = answer["epoch"].as_str().expect("an epoch");
    (epoch.to_owned(), answer["seq"].as_u64().expect("a number"))
}
