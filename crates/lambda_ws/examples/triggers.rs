//! A schedule, uploads to S3 and a queue of SQS beside the WebSocket API, in one function.
//!
//! It needs `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`, because these events do not contain the endpoint. The trigger of
//! the queue needs `FunctionResponseTypes: [ReportBatchItemFailures]`.

use aws_lambda_events::s3::S3Event;
use aws_lambda_events::streams::{SqsBatchItemFailure, SqsEventResponse};
use lambda_ws::{Error, EventSource, Json, Opening, Query, Raw, Router, Sender};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new()
        .connect(connect)
        .on(EventSource::Schedule, tick)
        .on(EventSource::S3, uploaded)
        .on(EventSource::Sqs, orders)
        .event(other)
}

#[derive(Deserialize)]
struct Place {
    room: String,
}

async fn connect(me: Opening, Query(place): Query<Place>) -> Result<(), Error> {
    me.join(&place.room)?;
    Ok(())
}

#[derive(Serialize)]
struct Sent {
    sent: usize,
}

async fn tick(sender: Sender) -> Result<Sent, Error> {
    let delivery = sender.everyone().send(r#"{"type":"tick"}"#).await?;
    Ok(Sent {
        sent: delivery.sent,
    })
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "uploaded")]
struct Uploaded {
    key: String,
}

async fn uploaded(Raw(event): Raw<S3Event>, sender: Sender) -> Result<(), Error> {
    for record in event.records {
        let object = record.s3.object;
        // S3 encodes the key as in a form: a space is `+`.
        let key = object.key.unwrap_or_default();
        let room = record.s3.bucket.name.unwrap_or_default();
        sender.room(room).send(Json(Uploaded { key })).await?;
    }
    Ok(())
}

/// The part of a batch that this program reads. The feature `sqs` of `aws_lambda_events` has all of it.
#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: String,
    body: String,
}

#[derive(Serialize, Deserialize)]
struct Order {
    room: String,
    order: u32,
}

/// Only the messages that failed come again.
async fn orders(Raw(batch): Raw<Batch>, sender: Sender) -> Result<SqsEventResponse, Error> {
    let mut response = SqsEventResponse::default();
    for Message { message_id, body } in batch.records {
        if let Err(error) = order(&body, &sender).await {
            eprintln!("order {message_id} failed: {error}");
            let mut failed = SqsBatchItemFailure::default();
            failed.item_identifier = Some(message_id);
            response.batch_item_failures.push(failed);
        }
    }
    Ok(response)
}

async fn order(body: &str, sender: &Sender) -> Result<(), Error> {
    let order: Order = serde_json::from_str(body)?;
    sender.room(&order.room).send(Json(&order)).await?;
    Ok(())
}

/// Returns what others send to the function, such as `aws lambda invoke`.
async fn other(Raw(event): Raw<Box<RawValue>>) -> Result<Box<RawValue>, Error> {
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::{Client, Gateway};
    use serde_json::{Value, json};

    fn event(name: &str) -> Value {
        let path = format!(
            "{}/../../events/other/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
    }

    async fn client(room: &str) -> (Gateway, Client) {
        let gateway = Gateway::new(router());
        let uri = format!("/?room={room}");
        let client = gateway.connect(&uri).await.expect("accepted");
        (gateway, client)
    }

    #[tokio::test]
    async fn everyone_hears_the_schedule() {
        let (gateway, mut ann) = client("lobby").await;
        let result = gateway.invoke(event("schedule")).await;
        assert_eq!(result, Ok(json!({"sent": 1})));
        assert_eq!(ann.recv().await, r#"{"type":"tick"}"#);
    }

    #[tokio::test]
    async fn the_room_of_a_bucket_hears_of_uploads() {
        let (gateway, mut ann) = client("uploads").await;
        assert_eq!(gateway.invoke(event("s3")).await, Ok(Value::Null));
        let message = r#"{"type":"uploaded","key":"photos/tea+house.jpg"}"#;
        assert_eq!(ann.recv().await, message);
    }

    #[tokio::test]
    async fn only_invalid_orders_come_again() {
        let (gateway, mut ann) = client("lobby").await;
        let mut batch = event("sqs");
        let mut invalid = batch["Records"][0].clone();
        invalid["messageId"] = "b".into();
        invalid["body"] = "tea".into();
        batch["Records"].as_array_mut().unwrap().push(invalid);
        let failures = json!({"batchItemFailures": [{"itemIdentifier": "b"}]});
        assert_eq!(gateway.invoke(batch).await, Ok(failures));
        assert_eq!(ann.recv().await, r#"{"room":"lobby","order":7}"#);
    }

    #[tokio::test]
    async fn any_other_event_is_returned() {
        let (gateway, _) = client("lobby").await;
        let event = json!({"ping": [1, null]});
        assert_eq!(gateway.invoke(&event).await, Ok(event));
    }
}
