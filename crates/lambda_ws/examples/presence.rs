//! Presence: a room hears when users join and leave, each once for all tabs. A new client gets the list of
//! users.

use futures_util::TryStreamExt;
use lambda_ws::{
    Connection, ConnectionId, Error, Json, Opening, PresenceChange, Query, Router, Sender,
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
}

#[derive(Deserialize)]
struct Who {
    user: String,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum ServerMessage {
    Here { users: Vec<String> },
    Joined { users: Vec<String> },
    Left { users: Vec<String> },
}

async fn connect(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
    me.user(&who.user)?;
    me.join(ROOM)?;
    Ok(())
}

async fn opened(_: Connection, sender: Sender) -> Result<Json<ServerMessage>, Error> {
    let users = sender.presence(ROOM).users().try_collect().await?;
    Ok(Json(ServerMessage::Here { users }))
}

async fn joined(
    PresenceChange { room, users, .. }: PresenceChange,
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

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    #[tokio::test]
    async fn a_user_with_two_tabs_joins_once_and_leaves_once() {
        let gateway = Gateway::new(router());
        let mut ann = gateway.connect("/?user=ann").await.expect("accepted");
        assert_eq!(ann.recv().await, r#"{"type":"here","users":["ann"]}"#);

        let tab = gateway.connect("/?user=bob").await.expect("accepted");
        let mut other = gateway.connect("/?user=bob").await.expect("accepted");
        assert_eq!(ann.recv_all(), [r#"{"type":"joined","users":["bob"]}"#]);
        assert_eq!(
            other.recv().await,
            r#"{"type":"here","users":["ann","bob"]}"#
        );

        tab.close().await;
        assert_eq!(ann.recv_all(), [""; 0]);
        other.close().await;
        assert_eq!(ann.recv_all(), [r#"{"type":"left","users":["bob"]}"#]);
    }
}
