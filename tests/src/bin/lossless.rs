//! A function with lossless rooms: `long/*` keep all messages of a test, `short/*` the last 20.

use lambda_ws::{Channels, Connection, Error, History, Json, Position, Router};
use serde_json::Value;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let channels = Channels::new()
        .history("long/*", History::new(100_000, HOUR))
        .history("short/*", History::new(20, HOUR))
        .public("long/*")
        .public("short/*");
    lambda_ws::run(Router::new().channels(channels).route("say", say)).await
}

/// Publishes a message, and answers with its position.
async fn say(me: Connection, Json(say): Json<Value>) -> Result<Json<Option<Position>>, Error> {
    let room = say["room"].as_str().unwrap_or_default();
    let publication = me.room(room).publish(&say["text"]).await?;
    Ok(Json(publication.position))
}
