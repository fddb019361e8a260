//! Authentication with a ticket that opens one connection.
//!
//! A page is logged in at the application's HTTPS API. It gets a ticket there, and connects to
//! `wss://..?ticket=TICKET`.

use lambda_ws::auth::{Ticket, Tickets};
use lambda_ws::store::StoreError;
use lambda_ws::{Error, Opening, Router, User};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new()
        .connect(connect)
        .route("whoami", async |User(user): User| user)
}

/// The content of a ticket.
#[derive(Serialize, Deserialize)]
struct Pass {
    user: String,
    room: String,
}

// The ticket is the last argument. If an earlier extractor rejects the client, the ticket stays valid.
async fn connect(me: Opening, Ticket(pass): Ticket<Pass>) -> Result<(), Error> {
    me.user(&pass.user)?;
    me.join(&pass.room)?;
    Ok(())
}

/// Issues a ticket. The handler of `POST /ticket` in the HTTPS API calls it. That program creates
/// `Tickets::from_env()` once and needs write access to the connections table.
#[cfg_attr(not(test), expect(dead_code, reason = "it belongs to another program"))]
async fn new_ticket(tickets: &Tickets, user: &str) -> Result<String, StoreError> {
    let pass = Pass {
        user: user.to_owned(),
        room: "tea".to_owned(),
    };
    // 30 seconds are enough, because the page connects at once.
    tickets.issue(&pass, Duration::from_secs(30)).await
}

#[cfg(test)]
mod tests {
    use super::{new_ticket, router};
    use lambda_ws::testing::Gateway;
    use std::time::Duration;

    #[tokio::test]
    async fn a_ticket_opens_one_connection() {
        let gateway = Gateway::new(router());
        let ticket = new_ticket(&gateway.tickets(), "ann")
            .await
            .expect("a ticket");
        let uri = format!("/?ticket={ticket}");
        let mut ann = gateway.connect(&uri).await.expect("accepted");
        ann.send(r#"{"action":"whoami"}"#).await;
        assert_eq!(ann.recv().await, "ann");
        assert_eq!(gateway.connect(&uri).await.unwrap_err().status, 401);
    }

    #[tokio::test]
    async fn a_ticket_expires_after_30_s() {
        let gateway = Gateway::new(router());
        let ticket = new_ticket(&gateway.tickets(), "ann")
            .await
            .expect("a ticket");
        gateway.advance(Duration::from_secs(30)).await;
        let late = gateway.connect(&format!("/?ticket={ticket}")).await;
        assert_eq!(late.unwrap_err().status, 401);
    }
}
