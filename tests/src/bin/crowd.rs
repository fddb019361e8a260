//! A function whose clients are in one room, and hear nothing but what is shouted in it.

use lambda_ws::{Connection, Error, Json, Opening, Router};
use serde_json::{Value, json};

async fn connect(me: Opening) -> Result<(), Error> {
    Ok(me.join("hall")?)
}

/// Says a text to all, and tells its sender what became of it.
async fn shout(me: Connection, Json(shout): Json<Value>) -> Result<Json<Value>, Error> {
    let text = shout["text"].as_str().unwrap_or_default().to_owned();
    let delivery = me.room("hall").send(text).await?;
    Ok(Json(json!({
        "sent": delivery.sent,
        "gone": delivery.gone,
        "throttled": delivery.throttled,
        "failed": delivery.failed,
        "tasks": delivery.tasks,
        "rest": delivery.rest.is_some(),
    })))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(Router::new().connect(connect).route("shout", shout)).await
}
