//! Rooms: clients join, send messages and leave.

use lambda_ws::{Connection, Error, Json, Rooms, Router};
use serde::{Deserialize, Serialize};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new()
        .route("join", join)
        .route("say", say)
        .route("leave", leave)
}

#[derive(Deserialize)]
struct Room {
    room: String,
}

#[derive(Deserialize)]
struct Say {
    room: String,
    text: String,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum ServerMessage<'a> {
    Joined { room: &'a str },
    Said { room: &'a str, text: &'a str },
}

async fn join(me: Connection, Json(Room { room }): Json<Room>) -> Result<(), Error> {
    me.join(&room).await?;
    let others = me.room(&room).except(me.id());
    others
        .send(Json(ServerMessage::Joined { room: &room }))
        .await?;
    Ok(())
}

// `Connection::room` also sends for clients outside the room, so the handler checks the membership.
async fn say(me: Connection, rooms: Rooms, Json(say): Json<Say>) -> Result<(), Error> {
    let (room, text) = (&say.room, &say.text);
    if !rooms.0.contains(room) {
        return Err(Error::client("not_there", format!("join `{room}` first")));
    }
    me.room(room)
        .send(Json(ServerMessage::Said { room, text }))
        .await?;
    Ok(())
}

async fn leave(me: Connection, Json(Room { room }): Json<Room>) -> Result<(), Error> {
    me.leave(&room).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    #[tokio::test]
    async fn only_members_send_to_a_room_and_receive_its_messages() {
        let gateway = Gateway::new(router());
        let mut ann = gateway.connect("/").await.expect("accepted");
        let mut bob = gateway.connect("/").await.expect("accepted");
        ann.send(r#"{"action":"join","room":"tea"}"#).await;
        bob.send(r#"{"action":"join","room":"tea"}"#).await;
        assert_eq!(ann.recv().await, r#"{"type":"joined","room":"tea"}"#);

        let hi = r#"{"action":"say","room":"tea","text":"hi"}"#;
        bob.send(hi).await;
        let said = r#"{"type":"said","room":"tea","text":"hi"}"#;
        assert_eq!(ann.recv().await, said);
        assert_eq!(bob.recv().await, said);

        ann.send(r#"{"action":"leave","room":"tea"}"#).await;
        bob.send(hi).await;
        assert_eq!(ann.recv_all(), [""; 0]);
        ann.send(hi).await;
        assert!(ann.recv().await.contains("not_there"));
    }
}
