//! Presence: a room hears when users join and leave, each once for all tabs, and when their status changes. A new client
//! gets the list of users with their status.

use futures_util::TryStreamExt;
use lambda_ws::{
    Connection, ConnectionId, Error, Json, Opening, PresenceChange, PresenceData, Query, Router,
    Sender, User, UserPresence,
};
use serde::{Deserialize, Serialize};

const ROOM: &str = "lobby";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new()
        .connect(connect)
        .opened(opened)
        .joined(joined)
        .left(left)
        .changed(changed)
        .route("status", status)
}

#[derive(Deserialize)]
struct Who {
    user: String,
    status: Option<String>,
}

/// The public data of a user in the room.
#[derive(Serialize, Deserialize)]
struct Profile {
    status: String,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum ServerMessage {
    Here { users: Vec<UserPresence<Profile>> },
    Joined { users: Vec<UserPresence<Profile>> },
    Changed { users: Vec<UserPresence<Profile>> },
    Left { users: Vec<String> },
}

async fn connect(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
    me.user(&who.user)?;
    me.join(ROOM)?;
    if let Some(status) = who.status {
        me.presence(&Profile { status })?;
    }
    Ok(())
}

async fn opened(_: Connection, sender: Sender) -> Result<Json<ServerMessage>, Error> {
    let users = sender
        .presence(ROOM)
        .users_with_data()
        .try_collect()
        .await?;
    Ok(Json(ServerMessage::Here { users }))
}

async fn joined(
    PresenceChange { room, .. }: PresenceChange,
    PresenceData(users): PresenceData<Profile>,
    id: ConnectionId,
    sender: Sender,
) -> Result<(), Error> {
    let others = sender.room(room).except(&id);
    others.send(Json(ServerMessage::Joined { users })).await?;
    Ok(())
}

async fn left(
    PresenceChange { room, users, .. }: PresenceChange,
    sender: Sender,
) -> Result<(), Error> {
    sender
        .room(room)
        .send(Json(ServerMessage::Left { users }))
        .await?;
    Ok(())
}

async fn status(
    User(user): User,
    Json(profile): Json<Profile>,
    sender: Sender,
) -> Result<(), Error> {
    sender.presence(ROOM).set(&user, &profile).await?;
    Ok(())
}

async fn changed(
    PresenceChange { room, .. }: PresenceChange,
    PresenceData(users): PresenceData<Profile>,
    sender: Sender,
) -> Result<(), Error> {
    let message = Json(ServerMessage::Changed { users });
    sender.room(room).send(message).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    #[tokio::test]
    async fn a_user_with_two_tabs_joins_once_and_leaves_once() {
        let gateway = Gateway::new(router());
        let mut ann = gateway.connect("/?user=ann").await.expect("accepted");
        assert_eq!(
            ann.recv().await,
            r#"{"type":"here","users":[{"user":"ann"}]}"#
        );

        let tab = gateway.connect("/?user=bob").await.expect("accepted");
        let mut other = gateway.connect("/?user=bob").await.expect("accepted");
        assert_eq!(
            ann.recv_all(),
            [r#"{"type":"joined","users":[{"user":"bob"}]}"#]
        );
        assert_eq!(
            other.recv().await,
            r#"{"type":"here","users":[{"user":"ann"},{"user":"bob"}]}"#
        );

        tab.close().await;
        assert_eq!(ann.recv_all(), [""; 0]);
        other.close().await;
        assert_eq!(ann.recv_all(), [r#"{"type":"left","users":["bob"]}"#]);
    }

    #[tokio::test]
    async fn a_new_status_reaches_the_room_and_the_list() {
        let gateway = Gateway::new(router());
        let uri = "/?user=ann&status=here";
        let mut ann = gateway.connect(uri).await.expect("accepted");
        let here = ann.recv().await;
        assert!(here.contains(r#"{"user":"ann","data":{"status":"here"},"#));

        ann.send(r#"{"action":"status","status":"busy"}"#).await;
        let busy = r#""users":[{"user":"ann","data":{"status":"busy"},"#;
        let changed = ann.recv().await;
        assert!(changed.starts_with(&format!(r#"{{"type":"changed",{busy}"#)));
        let mut bob = gateway.connect("/?user=bob").await.expect("accepted");
        assert!(bob.recv().await.contains(busy));
    }
}
