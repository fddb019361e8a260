//! Admin events: an operator counts, lists and disconnects connections with `lambda-ws-local admin`.
//!
//! The program accepts them only if the variable `ADMIN` is `on`, so that each stage decides.

use lambda_ws::{Channels, Error, History, Opening, Query, Router};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let router = match std::env::var("ADMIN").as_deref() {
        Ok("on") => router().admin(),
        _ => router(),
    };
    lambda_ws::run(router).await
}

/// Clients join the room of their query string. Rooms whose names begin with `chat/` have a history, so an operator can
/// follow them.
fn router() -> Router {
    let history = History::new(100, Duration::from_secs(3600));
    let channels = Channels::new().history("chat/*", history).public("chat/*");
    Router::new().connect(connect).channels(channels)
}

#[derive(Deserialize)]
struct Who {
    user: String,
    room: Option<String>,
}

#[derive(Serialize)]
struct Visit {
    role: &'static str,
}

async fn connect(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
    me.user(&who.user)?;
    me.save(&Visit { role: "guest" })?;
    if let Some(room) = who.room {
        me.join(&room)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_ws::testing::Gateway;
    use serde_json::json;

    #[tokio::test]
    async fn an_operator_disconnects_a_user() {
        let gateway = Gateway::new(router().admin());
        let _ann = gateway
            .connect("/?user=ann&room=tea")
            .await
            .expect("accepted");
        let _eve = gateway
            .connect("/?user=eve&room=tea")
            .await
            .expect("accepted");
        let ask = async |command| gateway.invoke(json!({"admin": command})).await;
        let closed = ask(json!({"disconnect": {"user": "eve"}})).await;
        assert_eq!(closed.expect("an answer")["closed"], 1);
        let counted = ask(json!({"count": {"room": "tea"}})).await;
        assert_eq!(counted, Ok(json!({"count": 1})));
    }

    #[tokio::test]
    async fn without_the_switch_commands_are_rejected() {
        let gateway = Gateway::new(router());
        let error = gateway.invoke(json!({"admin": {"count": {}}})).await;
        assert!(error.expect_err("off").contains("Router::admin()"));
    }
}
