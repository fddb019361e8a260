//! Lossless rooms: clients subscribe, publish, and resume after a reconnect without missing a message.

use lambda_ws::auth::RoomTokens;
use lambda_ws::{Channels, Connection, Error, History, Json, Position, Rooms, Router};
use serde::Deserialize;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let secret = std::env::var("ROOM_TOKEN_SECRET")
        .map_err(|_| "ROOM_TOKEN_SECRET is not set: expected at least 32 random bytes")?;
    lambda_ws::run(router(RoomTokens::new(secret))).await
}

fn router(tokens: RoomTokens) -> Router {
    // The last 100 messages of the last hour.
    let history = History::new(100, Duration::from_secs(3600));
    let channels = Channels::new()
        .history("chat/*", history)
        .public("chat/lobby")
        .tokens(tokens);
    Router::new().channels(channels).route("say", say)
}

#[derive(Deserialize)]
struct Say {
    room: String,
    text: String,
}

/// Publishes a message to a room. A client that sends `$id` receives the position as the reply.
async fn say(
    me: Connection,
    rooms: Rooms,
    Json(say): Json<Say>,
) -> Result<Json<Option<Position>>, Error> {
    if !rooms.0.contains(&say.room) {
        let message = format!("subscribe to `{}` first", say.room);
        return Err(Error::client("not_there", message));
    }
    let publication = me.room(&say.room).publish(&say.text).await?;
    Ok(Json(publication.position))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_ws::testing::{Client, Gateway};
    use serde_json::{Value, json};

    fn tokens() -> RoomTokens {
        RoomTokens::new("a secret of at least 32 random bytes")
    }

    async fn ask(client: &mut Client, message: Value) -> Value {
        client.send(Json(message)).await;
        client.recv_json().await
    }

    #[tokio::test]
    async fn a_client_resumes_where_it_was() {
        let gateway = Gateway::new(router(tokens()));
        let mut ann = gateway.connect("/").await.expect("accepted");
        let mut bob = gateway.connect("/").await.expect("accepted");
        let subscribe = json!({"action": "$subscribe", "room": "chat/lobby"});
        let subscribed = ask(&mut ann, subscribe.clone()).await;
        ask(&mut bob, subscribe).await;
        let (epoch, seq) = (&subscribed["epoch"], &subscribed["seq"]);
        ann.close().await;

        let say = json!({"action": "say", "room": "chat/lobby", "text": "hi", "$id": 1});
        let live = ask(&mut bob, say).await;
        assert_eq!(
            (&live["$"], &live["data"]),
            (&json!("message"), &json!("hi"))
        );
        let reply: Value = bob.recv_json().await;
        assert_eq!(reply, json!({"$": "reply", "id": 1, "data": [epoch, 1]}));

        let mut ann = gateway.connect("/").await.expect("accepted");
        let resume = json!({"action": "$subscribe", "room": "chat/lobby", "since": [epoch, seq]});
        let resumed = ask(&mut ann, resume).await;
        assert_eq!(resumed["recovered"], true);
        assert_eq!(resumed["messages"], json!([[1, "hi"]]));
    }

    #[tokio::test]
    async fn a_room_token_allows_one_room() {
        let gateway = Gateway::new(router(tokens()));
        let mut ann = gateway.connect("/").await.expect("accepted");
        let token = tokens().issue("chat/7", Duration::from_secs(60));
        let token = token.expect("a room");
        for (room, token, answer) in [
            ("chat/7", Some(&token), "subscribed"),
            ("chat/8", Some(&token), "error"),
            ("chat/7", None, "error"),
        ] {
            let subscribe = json!({"action": "$subscribe", "room": room, "token": token});
            let answered = ask(&mut ann, subscribe).await;
            assert_eq!(answered["$"], answer, "{room}");
        }
    }
}
