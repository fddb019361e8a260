//! A handler that reads the whole event of API Gateway: the message id makes a repeated message harmless.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_ws::{Error, Kv, Raw, Router, Sender};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new().fallback(order)
}

/// Counts how often a message arrived.
async fn order(
    Raw(event): Raw<ApiGatewayWebsocketProxyRequest>,
    sender: Sender,
) -> Result<String, Error> {
    let message_id = event.request_context.message_id.ok_or("no message id")?;
    let arrived = Kv::<u32>::new(&sender, "orders");
    let count = arrived
        .update(&message_id, |count| count.unwrap_or(0) + 1)
        .await?;
    Ok(match count {
        1 => format!("order {}", event.body.unwrap_or_default()),
        _ => "this order is known".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    #[tokio::test]
    async fn an_event_that_arrives_again_is_known() {
        let gateway = Gateway::new(router());
        let mut ann = gateway.connect("/").await.expect("accepted");
        ann.send("tea").await;
        assert_eq!(ann.recv().await, "order tea");
        let again = gateway.events().pop().expect("an event").json;
        gateway.invoke(again).await.expect("handled");
        assert_eq!(ann.recv().await, "this order is known");
        ann.send("tea").await;
        assert_eq!(ann.recv().await, "order tea");
    }
}
