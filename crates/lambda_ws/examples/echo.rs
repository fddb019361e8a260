//! Sends every message back to its sender.

use lambda_ws::{Connection, Error, Router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new().fallback(echo)
}

async fn echo(me: Connection, text: String) -> Result<(), Error> {
    me.send(text).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    #[tokio::test]
    async fn a_client_receives_its_own_message() {
        let gateway = Gateway::new(router());
        let mut ann = gateway.connect("/").await.expect("accepted");
        ann.send("hello").await;
        assert_eq!(ann.recv().await, "hello");
    }
}
