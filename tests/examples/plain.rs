//! A broadcast with the AWS SDK alone, one post after the other, for the comparison with lambda_ws.

use aws_config::BehaviorVersion;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

struct Plain {
    table: String,
    dynamodb: aws_sdk_dynamodb::Client,
    api: aws_sdk_apigatewaymanagement::Client,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(lambda_ws::transport::https_client())
        .load()
        .await;
    let plain = Plain {
        table: std::env::var("PEERS_TABLE")?,
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        api: aws_sdk_apigatewaymanagement::Client::new(&config),
    };
    lambda_runtime::run(service_fn(|event| plain.handle(event))).await
}

impl Plain {
    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let event = event.payload;
        if let Some(data) = event["publish"]["data"].as_str() {
            return self.broadcast(data).await;
        }
        let context = &event["requestContext"];
        let id = context["connectionId"].as_str().unwrap_or_default();
        match context["eventType"].as_str() {
            Some("CONNECT") => self.put(id).await?,
            _ => self.delete(id).await?,
        }
        Ok(json!({"statusCode": 200}))
    }

    async fn broadcast(&self, data: &str) -> Result<Value, Error> {
        let scan = self.dynamodb.scan().table_name(&self.table);
        let items = scan.projection_expression("connectionId").send().await?;
        let items = items.items.unwrap_or_default();
        for item in &items {
            let Some(Ok(id)) = item.get("connectionId").map(AttributeValue::as_s) else {
                continue;
            };
            let post = self.api.post_to_connection().connection_id(id);
            if let Err(error) = post.data(Blob::new(data)).send().await {
                match error.into_service_error() {
                    error if error.is_gone_exception() => self.delete(id).await?,
                    error => eprintln!("a post failed: {error}"),
                }
            }
        }
        Ok(json!({"sent": items.len()}))
    }

    async fn put(&self, id: &str) -> Result<(), Error> {
        let put = self.dynamodb.put_item().table_name(&self.table);
        let id = AttributeValue::S(id.to_owned());
        put.item("connectionId", id).send().await?;
        Ok(())
    }

    async fn delete(&self, id: &str) -> Result<(), Error> {
        let delete = self.dynamodb.delete_item().table_name(&self.table);
        let id = AttributeValue::S(id.to_owned());
        delete.key("connectionId", id).send().await?;
        Ok(())
    }
}
