//! Rooms: whoever has joined one hears what is said in it.

use lambda_ws_protocol::{Connection, Error, Json, Opening, Query, Rooms, Router, User};
use serde::{Deserialize, Serialize};

// One thread: a function has one event at a time.
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
struct Who {
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

/// What clients hear.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Heard<'a> {
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

// Anybody may claim to be anybody: `lambda_ws::auth` has the ways to ask for proof.
async fn connect(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
    me.user(&who.user)?;
    Ok(())
}

async fn join(
    me: Connection,
    User(user): User,
    Json(Join { room }): Json<Join>,
) -> Result<(), Error> {
    me.join(&room).await?;
    let (room, user) = (&*room, &*user);
    let all = me.room(room);
    all.send(Json(Heard::Joined { room, user })).await?;
    Ok(())
}

// Whoever names a room could talk into it: only its members may.
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
    let all = me.room(room);
    all.send(Json(Heard::Said { room, user, text })).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    #[tokio::test]
    async fn a_room_hears_what_is_said_in_it() {
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
    async fn nobody_connects_without_a_name() {
        let gateway = Gateway::new(router());
        let refused = gateway.connect("/").await.expect_err("no name");
        assert_eq!(refused.status, 400);
    }
}
