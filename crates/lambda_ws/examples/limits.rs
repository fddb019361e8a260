//! Limits of clients: messages, connections and handshakes.

use lambda_ws::{
    ClientLimits, Error, Json, LimitScope, Limited, Opening, Query, Rate, Reaction, Router, User,
};
use serde::{Deserialize, Serialize};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    let limits = ClientLimits::new()
        .messages_per_connection(Rate::per_second(2).burst(5))
        .messages_per_user(Rate::per_second(4).burst(10))
        .connections_per_user(3)
        .handshakes_per_address(Rate::per_minute(30))
        .on_limit(react);
    Router::new()
        .connect(connect)
        .route("say", say)
        .client_limits(limits)
}

/// Disconnects a user who sends too much with several connections.
fn react(limited: &Limited) -> Reaction {
    match limited.scope() {
        LimitScope::User => Reaction::Disconnect,
        _ => Reaction::Error,
    }
}

#[derive(Deserialize)]
struct Who {
    user: String,
}

#[derive(Serialize)]
struct Said {
    user: String,
}

async fn connect(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
    Ok(me.user(&who.user)?)
}

async fn say(User(user): User) -> Json<Said> {
    Json(Said { user })
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;
    use std::time::Duration;

    const SAY: &str = r#"{"action":"say"}"#;

    #[tokio::test]
    async fn a_client_over_its_limit_gets_an_error_and_may_send_again_later() {
        let gateway = Gateway::new(router());
        let mut ann = gateway.connect("/?user=ann").await.expect("accepted");
        for _ in 0..6 {
            ann.send(SAY).await;
        }
        let answers = ann.recv_all();
        assert!(
            answers[..5]
                .iter()
                .all(|answer| answer == r#"{"user":"ann"}"#)
        );
        assert!(answers[5].contains("too_many_requests"));
        gateway.advance(Duration::from_secs(1)).await;
        ann.send(SAY).await;
        assert_eq!(ann.recv().await, r#"{"user":"ann"}"#);
    }

    #[tokio::test]
    async fn a_user_with_several_connections_is_disconnected() {
        let gateway = Gateway::new(router());
        let mut connections = Vec::new();
        for _ in 0..3 {
            connections.push(gateway.connect("/?user=eve").await.expect("accepted"));
        }
        let refusal = gateway.connect("/?user=eve").await.unwrap_err();
        assert_eq!(refusal.status, 429);
        for _ in 0..4 {
            for eve in &connections {
                if eve.closed().is_none() {
                    eve.send(SAY).await;
                }
            }
        }
        assert!(connections.iter().any(|eve| eve.closed().is_some()));
    }

    #[tokio::test]
    async fn an_address_has_a_limited_number_of_handshakes() {
        let gateway = Gateway::new(router());
        let mut clients = Vec::new();
        for number in 0..30 {
            let client = gateway.connect(&format!("/?user=u{number}")).await;
            clients.push(client.expect("accepted"));
        }
        let refusal = gateway.connect("/?user=one-more").await.unwrap_err();
        assert_eq!(refusal.status, 429);
        let request = gateway.request("/?user=bob").source_ip("198.51.100.7");
        request.connect().await.expect("another address");
    }
}
