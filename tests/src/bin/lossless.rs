//! A function with lossless rooms: `long/*` keep all messages of a test, `short/*` the last 20.
//!
//! `lossless publish ROOM NAME SECONDS PAUSE` is a job: it publishes to a room from outside, with `PAUSE` ms between two
//! messages, and prints the position and the text of each.

use lambda_ws::{
    Accept, Channels, Connection, Error, History, Json, Opening, Position, Query, Router, Sender,
    User,
};
use serde_json::Value;
use std::collections::HashMap;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);

fn channels() -> Channels {
    Channels::new()
        .history("long/*", History::new(100_000, HOUR))
        .history("short/*", History::new(20, HOUR))
        .public("long/*")
        .public("short/*")
        .public("plain/*")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    if let ["publish", room, name, seconds, pause] = *args {
        let number = |text: &str| text.parse().expect("a number");
        return publish(room, name, number(seconds), number(pause)).await;
    }
    let router = Router::new().channels(channels()).connect(connect);
    lambda_ws::run(router.opened(opened).route("say", say)).await
}

/// Notes the room to which the task of [`opened`] publishes, if there is one.
async fn connect(
    me: Opening,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Accept, Error> {
    if let Some(room) = query.get("greets") {
        me.user(room)?;
    }
    Ok(Accept::default())
}

async fn opened(me: Connection, room: Option<User>) -> Result<(), Error> {
    if let Some(User(room)) = room {
        let text = format!("opened {}", me.id());
        me.room(&room).publish(&text).await?;
    }
    Ok(())
}

/// Publishes a message, and answers with its position.
async fn say(me: Connection, Json(say): Json<Value>) -> Result<Json<Option<Position>>, Error> {
    let room = say["room"].as_str().unwrap_or_default();
    let publication = me.room(room).publish(&say["text"]).await?;
    Ok(Json(publication.position))
}

async fn publish(room: &str, name: &str, seconds: u64, pause: u64) -> Result<(), Error> {
    let sender = Sender::from_env().await?.with_channels(&channels());
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut number = 0;
    while Instant::now() < end {
        let text = format!("{name}: {number}");
        let published = sender.room(room).publish(&text).await;
        // A message without a confirmation may be in the log as well.
        if let Ok(Some(position)) = published.map(|publication| publication.position) {
            println!("{} {} {text}", position.epoch, position.seq);
        }
        number += 1;
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Ok(())
}
