mod faults;

use std::sync::Arc;

use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::*;

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
    dynamodb
        .create_table(table(), Some("exp"))
        .await
        .expect("a table");
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
        let stream = TcpStream::connect(&self.address)
            .await
            .expect("a connection");
        let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("HTTP");
        let connection = tokio::spawn(connection);
        let (parts, body) = client
            .send_request(request)
            .await
            .expect("a response")
            .into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        connection.abort();
        http::Response::from_parts(parts, body)
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
async fn the_http_api_speaks_json_1_0() {
    let server = Server::start(connections().await).await;
    let response = server.send(server.request("ListTables", "{}")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()[CONTENT_TYPE],
        "application/x-amz-json-1.0"
    );
    assert_eq!(response.headers()["x-amzn-requestid"].len(), 52);
    assert_eq!(response.body(), r#"{"TableNames":["connections"]}"#);
}

#[tokio::test]
async fn errors_have_the_form_that_sdks_read() {
    let server = Server::start(connections().await).await;
    let cases = [
        (
            "Unheard",
            "{}",
            "com.amazon.coral.service#UnknownOperationException",
        ),
        (
            "GetItem",
            "no JSON",
            "com.amazon.coral.service#SerializationException",
        ),
        (
            "GetItem",
            r#"{"TableName":7}"#,
            "com.amazon.coral.service#SerializationException",
        ),
        (
            "GetItem",
            "{}",
            "com.amazon.coral.validate#ValidationException",
        ),
        (
            "DescribeTable",
            r#"{"TableName":"missing"}"#,
            "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
        ),
    ];
    for (operation, body, expected) in cases {
        let response = server.send(server.request(operation, body)).await;
        let text = String::from_utf8_lossy(response.body());
        assert_eq!(response.status(), 400, "{operation} {body}: {text}");
        assert!(
            text.contains(&format!(r#""__type":"{expected}""#)),
            "{operation} {body}: {text}"
        );
        for mark in ["VALIDATION", "SERIALIZATION:"] {
            assert!(!text.contains(mark), "{text}");
        }
    }
}

#[tokio::test]
async fn nothing_but_a_post_to_the_root_is_served() {
    let server = Server::start(connections().await).await;
    let mut request = server.request("ListTables", "{}");
    *request.uri_mut() = "/shell".parse().expect("a path");
    assert_eq!(server.send(request).await.status(), 404);
    let mut request = server.request("ListTables", "{}");
    *request.method_mut() = Method::GET;
    assert_eq!(server.send(request).await.status(), 405);
    let body = vec![b' '; 16 * 1024 * 1024 + 1];
    assert_eq!(
        server
            .send(server.request("ListTables", body))
            .await
            .status(),
        413
    );
}

#[tokio::test]
async fn no_web_page_reads_the_tables() {
    let server = Server::start(connections().await).await;
    let mut request = server.request("ListTables", "{}");
    request
        .headers_mut()
        .insert(ORIGIN, "https://evil.example".parse().expect("a value"));
    assert_eq!(server.send(request).await.status(), 403);
    let mut request = server.request("ListTables", "{}");
    request
        .headers_mut()
        .insert(HOST, "evil.example".parse().expect("a value"));
    assert_eq!(server.send(request).await.status(), 403);
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
    assert_eq!(
        error["__type"],
        "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
    );
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
    assert_eq!(
        error["__type"],
        "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    );
    assert_eq!(error["CancellationReasons"][0]["Code"], "None");
    assert_eq!(
        error["CancellationReasons"][1]["Code"],
        "ConditionalCheckFailed"
    );
    let count = ok(
        &dynamodb,
        "Scan",
        json!({"TableName": "connections", "Select": "COUNT"}),
    )
    .await;
    assert_eq!(count["Count"], 0);
}

#[tokio::test]
async fn a_table_is_created_once_and_items_expire_by_the_attribute() {
    let dynamodb = connections().await;
    ok(&dynamodb, "PutItem", put("1")).await;
    dynamodb
        .create_table(table(), Some("exp"))
        .await
        .expect("the same table");
    let count = ok(
        &dynamodb,
        "Scan",
        json!({"TableName": "connections", "Select": "COUNT"}),
    )
    .await;
    assert_eq!(count["Count"], 1);
    let ttl = ok(
        &dynamodb,
        "DescribeTimeToLive",
        json!({"TableName": "connections"}),
    )
    .await;
    assert_eq!(ttl["TimeToLiveDescription"]["AttributeName"], "exp");
}

#[tokio::test]
async fn another_table_of_the_same_name_is_a_clear_error() {
    let dynamodb = connections().await;
    let mut other = table();
    other["AttributeDefinitions"][1]["AttributeType"] = "N".into();
    let error = dynamodb
        .create_table(other, None)
        .await
        .expect_err("an error");
    assert_eq!(
        error.to_string(),
        "the table connections exists with the key pk (S, HASH), sk (S, RANGE), \
         not pk (S, HASH), sk (N, RANGE); delete it, or use another data file"
    );
    let error = dynamodb
        .create_table(table(), Some("ttl"))
        .await
        .expect_err("an error");
    assert_eq!(
        error.to_string(),
        "items of the table connections expire by exp, not by ttl; delete it, or use another data file"
    );
    let error = dynamodb
        .create_table(json!({"TableName": "x"}), None)
        .await
        .expect_err("an error");
    assert!(
        matches!(
            error,
            DynamoDbError::Refused {
                operation: "CreateTable",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn fault_l9_a_database_file_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.db");
    let dynamodb = DynamoDb::open(&file).expect("a database");
    dynamodb.create_table(table(), None).await.unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        files += 1;
    }
    assert!(files > 0);
    drop(dynamodb);
    // What somebody has opened to others stays open.
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    drop(DynamoDb::open(&file).expect("a database"));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

#[tokio::test]
async fn a_file_survives_the_process() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("data");
    let dynamodb = DynamoDb::open(&file).expect("a database");
    dynamodb
        .create_table(table(), Some("exp"))
        .await
        .expect("a table");
    ok(&dynamodb, "PutItem", put("1")).await;
    let mut expired = put("2");
    expired["Item"]["exp"] = json!({"N": "1000000000"});
    ok(&dynamodb, "PutItem", expired).await;
    drop(dynamodb);
    let dynamodb = DynamoDb::open(&file).expect("a database");
    dynamodb
        .create_table(table(), Some("exp"))
        .await
        .expect("the same table");
    let items = ok(&dynamodb, "Scan", json!({"TableName": "connections"})).await;
    assert_eq!(items["Items"], json!([put("1")["Item"]]));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("data");
    std::fs::write(
        &file,
        "not a database, but long enough to be taken for one".repeat(100),
    )
    .expect("a file");
    let error = DynamoDb::open(&file).expect_err("an error");
    assert!(matches!(error, DynamoDbError::Open { .. }), "{error}");
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
    let item = ok(
        &dynamodb,
        "GetItem",
        json!({"TableName": "connections", "Key": key("1")}),
    )
    .await;
    assert_eq!(item["Item"]["v"]["N"], "50");
    assert_eq!(
        item["Item"]["rooms"]["SS"].as_array().map(Vec::len),
        Some(50)
    );
}
