//! A ticket: what a page gets from the application's HTTPS API, where it is logged in, and connects
//! with, once, as `wss://..?ticket=TICKET`.

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

/// What a ticket stands for.
#[derive(Serialize, Deserialize)]
struct Pass {
    user: String,
    room: String,
}

// The ticket is the last argument: whoever an argument before it refuses may use it again.
async fn connect(me: Opening, Ticket(pass): Ticket<Pass>) -> Result<(), Error> {
    me.user(&pass.user)?;
    me.join(&pass.room)?;
    Ok(())
}

/// What the handler of the HTTPS API's `POST /ticket` does, in whatever program that is: it makes
/// `Tickets::from_env()` once, and needs to write to the table of the connections.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "it is a part of another program")
)]
async fn new_ticket(tickets: &Tickets, user: &str) -> Result<String, StoreError> {
    let pass = Pass {
        user: user.to_owned(),
        room: "tea".to_owned(),
    };
    // The page connects at once.
    tickets.issue(&pass, Duration::from_secs(30)).await
}

#[cfg(test)]
mod tests {
    use super::{new_ticket, router};
    use lambda_ws::testing::Gateway;
    use std::time::Duration;

    #[tokio::test]
    async fn a_ticket_is_good_for_one_connection() {
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
    async fn a_ticket_is_over_after_30_s() {
        let gateway = Gateway::new(router());
        let ticket = new_ticket(&gateway.tickets(), "ann")
            .await
            .expect("a ticket");
        gateway.advance(Duration::from_secs(30)).await;
        let late = gateway.connect(&format!("/?ticket={ticket}")).await;
        assert_eq!(late.unwrap_err().status, 401);
    }
}
