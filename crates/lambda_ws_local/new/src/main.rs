//! Chat rooms: a message in a room reaches every member of that room.

use lambda_ws::{Connection, Error, Json, Opening, Query, Rooms, Router, User};
use serde::{Deserialize, Serialize};

// One thread is enough: Lambda gives a process one event at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new()
        .connect(connect)
        .route("join", join)
        .route("say", say)
}

#[derive(Deserialize)]
struct ConnectQuery {
    user: String,
}

#[derive(Deserialize)]
struct Join {
    room: String,
}

#[derive(Deserialize)]
struct Say {
    room: String,
    text: String,
}

/// A message to the clients.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum ServerMessage<'a> {
    Joined {
        room: &'a str,
        user: &'a str,
    },
    Said {
        room: &'a str,
        user: &'a str,
        text: &'a str,
    },
}

// Any client can claim any name. `lambda_ws::auth` describes how to authenticate users.
async fn connect(me: Opening, Query(query): Query<ConnectQuery>) -> Result<(), Error> {
    me.user(&query.user)?;
    Ok(())
}

async fn join(
    me: Connection,
    User(user): User,
    Json(Join { room }): Json<Join>,
) -> Result<(), Error> {
    me.join(&room).await?;
    let (room, user) = (&*room, &*user);
    let members = me.room(room);
    let message = ServerMessage::Joined { room, user };
    members.send(Json(message)).await?;
    Ok(())
}

// The library delivers to any room. This check restricts a room to its members.
async fn say(
    me: Connection,
    User(user): User,
    Rooms(rooms): Rooms,
    Json(Say { room, text }): Json<Say>,
) -> Result<(), Error> {
    if !rooms.contains(&room) {
        return Err(Error::client("not_there", format!("join `{room}` first")));
    }
    let (room, user, text) = (&*room, &*user, &*text);
    let members = me.room(room);
    let message = ServerMessage::Said { room, user, text };
    members.send(Json(message)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    #[tokio::test]
    async fn members_of_a_room_receive_its_messages() {
        let gateway = Gateway::new(router());
        let mut ann = gateway.connect("/?user=ann").await.expect("accepted");
        let mut bob = gateway.connect("/?user=bob").await.expect("accepted");
        ann.send(r#"{"action":"join","room":"tea"}"#).await;
        let joined = r#"{"type":"joined","room":"tea","user":"ann"}"#;
        assert_eq!(ann.recv().await, joined);

        bob.send(r#"{"action":"say","room":"tea","text":"hi"}"#)
            .await;
        assert!(bob.recv().await.contains("not_there"));
        assert_eq!(ann.recv_all(), [""; 0]);

        bob.send(r#"{"action":"join","room":"tea"}"#).await;
        bob.send(r#"{"action":"say","room":"tea","text":"hi"}"#)
            .await;
        let joined = r#"{"type":"joined","room":"tea","user":"bob"}"#;
        let said = r#"{"type":"said","room":"tea","user":"bob","text":"hi"}"#;
        assert_eq!(ann.recv_all(), [joined, said]);
        assert_eq!(bob.recv_all(), [joined, said]);
    }

    #[tokio::test]
    async fn a_connection_without_a_user_is_rejected() {
        let gateway = Gateway::new(router());
        let rejected = gateway.connect("/").await.expect_err("no user");
        assert_eq!(rejected.status, 400);
    }
}
