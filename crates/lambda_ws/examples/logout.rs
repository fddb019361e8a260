//! Closes all connections of a user who logs out.

use lambda_ws::{Error, Opening, Query, Router, Sender, User};
use serde::Deserialize;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new().connect(connect).route("logout", logout)
}

#[derive(Deserialize)]
struct Who {
    user: String,
}

async fn connect(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
    me.user(&who.user)?;
    Ok(())
}

async fn logout(User(user): User, sender: Sender) -> Result<(), Error> {
    sender.user(&user).close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    #[tokio::test]
    async fn a_logout_closes_all_connections_of_the_user() {
        let gateway = Gateway::new(router());
        let phone = gateway.connect("/?user=ann").await.expect("accepted");
        let laptop = gateway.connect("/?user=ann").await.expect("accepted");
        let other = gateway.connect("/?user=bob").await.expect("accepted");
        phone.send(r#"{"action":"logout"}"#).await;
        for device in [phone, laptop] {
            assert_eq!(device.closed().map(|(code, _)| code), Some(1000));
        }
        assert_eq!(other.closed(), None);
    }
}
