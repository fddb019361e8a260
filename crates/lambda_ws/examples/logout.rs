//! A user who logs out is thrown out of all devices.

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
    async fn who_logs_out_is_thrown_out_of_all_devices() {
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
