mod faults;
mod protocol;
mod tables;

use super::*;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpStream;

fn table() -> Value {
    json!({
        "TableName": "connections",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    })
}

async fn connections() -> DynamoDb {
    let dynamodb = DynamoDb::memory().expect("a database");
    let result = dynamodb.create_table(table(), Some("exp")).await;
    result.expect("a table");
    dynamodb
}

/// A call that succeeds.
async fn ok(dynamodb: &DynamoDb, operation: &str, request: Value) -> Value {
    match dynamodb.json(operation, &request).await {
        Ok(answer) => answer,
        Err(error) => panic!("{operation}: {error:?}"),
    }
}

/// The body of a call that fails with status 400.
async fn refused(dynamodb: &DynamoDb, operation: &str, request: Value) -> Value {
    let (status, body) = dynamodb.call(operation, request.to_string().into()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    serde_json::from_slice(&body).expect("JSON")
}

fn put(sk: &str) -> Value {
    json!({"TableName": "connections", "Item": {"pk": {"S": "C"}, "sk": {"S": sk}, "rooms": {"SS": ["a", "b"]}}})
}

fn key(sk: &str) -> Value {
    json!({"pk": {"S": "C"}, "sk": {"S": sk}})
}

struct Server {
    address: String,
    task: tokio::task::JoinHandle<Infallible>,
}

impl Server {
    async fn start(dynamodb: DynamoDb) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let task = tokio::spawn(async move { dynamodb.serve(listener, Guard::default()).await });
        Server { address, task }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> http::Response<Bytes> {
        self.try_send(request).await.expect("a response")
    }

    async fn try_send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<http::Response<Bytes>, hyper::Error> {
        let result = TcpStream::connect(&self.address).await;
        let stream = result.expect("a connection");
        let result = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut client, connection) = result.expect("HTTP");
        let connection = tokio::spawn(connection);
        let (parts, body) = client.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        connection.abort();
        Ok(http::Response::from_parts(parts, body))
    }

    fn request(&self, operation: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
        Request::post("/")
            .header(HOST, &self.address)
            .header(CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("X-Amz-Target", format!("DynamoDB_20120810.{operation}"))
            .body(Full::new(body.into()))
            .expect("a request")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn an_item_comes_back_as_it_was_put() {
    let dynamodb = connections().await;
    ok(&dynamodb, "PutItem", put("1")).await;
    let get = json!({"TableName": "connections", "Key": key("1"), "ConsistentRead": true});
    let answer = ok(&dynamodb, "GetItem", get).await;
    assert_eq!(answer["Item"], put("1")["Item"]);
}

#[tokio::test]
async fn a_failed_condition_shows_the_item_it_failed_on() {
    let dynamodb = connections().await;
    ok(&dynamodb, "PutItem", put("1")).await;
    let delete = json!({
        "TableName": "connections",
        "Key": key("1"),
        "ConditionExpression": "attribute_exists(gone)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    let error = refused(&dynamodb, "DeleteItem", delete).await;
    let expected = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    assert_eq!(error["__type"], expected);
    assert_eq!(error["Item"], put("1")["Item"]);
}

#[tokio::test]
async fn a_canceled_transaction_gives_a_reason_for_each_item() {
    let dynamodb = connections().await;
    let transaction = json!({"TransactItems": [
        {"Put": put("1")},
        {"Update": {
            "TableName": "connections",
            "Key": key("2"),
            "UpdateExpression": "ADD rooms :room",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": {":room": {"SS": ["tea"]}},
        }},
    ]});
    let error = refused(&dynamodb, "TransactWriteItems", transaction).await;
    let expected = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    assert_eq!(error["__type"], expected);
    assert_eq!(error["CancellationReasons"][0]["Code"], "None");
    let expected = "ConditionalCheckFailed";
    assert_eq!(error["CancellationReasons"][1]["Code"], expected);
    let scan = json!({"TableName": "connections", "Select": "COUNT"});
    let count = ok(&dynamodb, "Scan", scan).await;
    assert_eq!(count["Count"], 0);
}

#[tokio::test]
async fn concurrent_updates_lose_nothing() {
    let dynamodb = Arc::new(connections().await);
    let add = |room: usize| {
        let dynamodb = dynamodb.clone();
        async move {
            let update = json!({"TransactItems": [{"Update": {
                "TableName": "connections",
                "Key": key("1"),
                "UpdateExpression": "ADD rooms :room, v :one",
                "ExpressionAttributeValues": {":room": {"SS": [room.to_string()]}, ":one": {"N": "1"}},
            }}]});
            ok(&dynamodb, "TransactWriteItems", update).await;
        }
    };
    futures_util::future::join_all((0..50).map(add)).await;
    let get = json!({"TableName": "connections", "Key": key("1")});
    let item = ok(&dynamodb, "GetItem", get).await;
    assert_eq!(item["Item"]["v"]["N"], "50");
    let rooms = item["Item"]["rooms"]["SS"].as_array();
    assert_eq!(rooms.map(Vec::len), Some(50));
}
