//! Faults on purpose, as they are on the wire.

use super::*;
use crate::faults::{Faults, Kind, Plan};
use std::time::Duration;

/// A database with a table behind HTTP, without faults yet.
async fn faulty() -> (Server, DynamoDb, Faults) {
    let faults = Faults::new(Plan::default(), 7);
    let dynamodb = connections().await.with_faults(faults.clone());
    (Server::start(dynamodb.clone()).await, dynamodb, faults)
}

impl Server {
    /// Status and body of a call.
    async fn call(&self, operation: &str, request: &Value) -> (u16, Value) {
        let request = self.request(operation, request.to_string());
        let response = self.send(request).await;
        let body = serde_json::from_slice(response.body()).expect("JSON");
        (response.status().as_u16(), body)
    }

    /// Status and body of a transaction of puts.
    async fn transact(&self, token: &str, sks: &[&str]) -> (u16, Value) {
        let puts: Vec<_> = sks.iter().map(|sk| json!({"Put": put(sk)})).collect();
        let request = json!({"TransactItems": puts, "ClientRequestToken": token});
        self.call("TransactWriteItems", &request).await
    }

    /// Whether an eventually consistent read finds an item.
    async fn sees(&self, sk: &str) -> bool {
        let get = json!({"TableName": "connections", "Key": key(sk)});
        self.call("GetItem", &get).await.1["Item"].is_object()
    }
}

fn consistent(sk: &str) -> Value {
    json!({"TableName": "connections", "Key": key(sk), "ConsistentRead": true})
}

fn batch(count: usize) -> Value {
    let puts = (0..count).map(|n| json!({"PutRequest": {"Item": put(&n.to_string())["Item"]}}));
    json!({"RequestItems": {"connections": puts.collect::<Vec<_>>()}})
}

fn kind(body: &Value) -> &str {
    let kind = body["__type"].as_str().expect("a type");
    kind.rsplit('#').next().expect("a name")
}

/// The codes of the reasons for which a transaction was cancelled, sorted.
fn reasons(body: &Value) -> Vec<&str> {
    assert_eq!(kind(body), "TransactionCanceledException");
    let reasons = body["CancellationReasons"].as_array().expect("reasons");
    let mut codes: Vec<_> = reasons
        .iter()
        .map(|reason| reason["Code"].as_str().unwrap())
        .collect();
    codes.sort_unstable();
    codes
}

#[tokio::test]
async fn a_throttled_call_says_so_in_both_of_its_forms_and_does_nothing() {
    let (server, dynamodb, faults) = faulty().await;
    faults.change("throttle=100%").unwrap();
    let mut kinds = Vec::new();
    for _ in 0..20 {
        let (status, body) = server.call("PutItem", &put("1")).await;
        assert_eq!(status, 400);
        kinds.push(kind(&body).to_owned());
    }
    kinds.sort();
    kinds.dedup();
    let expected = [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
    ];
    assert_eq!(kinds, expected);
    let (status, body) = server.transact("t", &["1", "2"]).await;
    assert_eq!((status, reasons(&body)[0]), (400, "None"));
    assert!(["ProvisionedThroughputExceeded", "ThrottlingError"].contains(&reasons(&body)[1]));
    // Tables can still be seen to, and the program itself is not meant.
    assert_eq!(server.call("ListTables", &json!({})).await.0, 200);
    assert_eq!(ok(&dynamodb, "GetItem", consistent("1")).await, json!({}));
    assert_eq!(faults.fired(Kind::Throttle), 21);
}

#[tokio::test]
async fn a_failing_call_is_a_500() {
    let (server, dynamodb, faults) = faulty().await;
    faults.change("error=100%").unwrap();
    let (status, body) = server.call("PutItem", &put("1")).await;
    assert_eq!((status, kind(&body)), (500, "InternalServerError"));
    assert_eq!(ok(&dynamodb, "GetItem", consistent("1")).await, json!({}));
}

#[tokio::test]
async fn writes_meet_transactions_and_reads_do_not() {
    let (server, dynamodb, faults) = faulty().await;
    faults.change("conflict=100%").unwrap();
    let (status, body) = server.call("PutItem", &put("1")).await;
    assert_eq!((status, kind(&body)), (400, "TransactionConflictException"));
    let (status, body) = server.transact("t", &["1", "2"]).await;
    assert_eq!(status, 400);
    assert_eq!(reasons(&body), vec!["None", "TransactionConflict"]);
    let expected = (200, json!({}));
    assert_eq!(server.call("GetItem", &consistent("1")).await, expected);
    assert_eq!(server.call("BatchWriteItem", &batch(1)).await.0, 200);
    assert_eq!(ok(&dynamodb, "GetItem", consistent("1")).await, json!({}));
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_carried_out() {
    let (server, dynamodb, faults) = faulty().await;
    faults.change("lost-answer=100%").unwrap();
    let request = server.request("PutItem", put("1").to_string());
    assert!(server.try_send(request).await.is_err());
    let item = ok(&dynamodb, "GetItem", consistent("1")).await;
    assert_eq!(item["Item"], put("1")["Item"]);
}

#[tokio::test]
async fn a_transaction_that_was_carried_out_is_not_said_to_be_cancelled() {
    let (server, _, faults) = faulty().await;
    faults.change("post-latency=1ms").unwrap();
    assert_eq!(server.transact("a", &["1"]).await.0, 200);
    faults.change("conflict=100%,throttle=100%").unwrap();
    assert_eq!(server.transact("a", &["1"]).await.0, 200);
    assert_eq!(server.transact("b", &["1"]).await.0, 400);
}

#[tokio::test]
async fn a_batch_of_writes_is_carried_out_in_part_until_all_of_it_is() {
    let (server, dynamodb, faults) = faulty().await;
    faults.change("unprocessed=100%").unwrap();
    let (mut request, mut rounds) = (batch(20), 0);
    loop {
        let (status, body) = server.call("BatchWriteItem", &request).await;
        assert_eq!(status, 200);
        rounds += 1;
        let rest = &body["UnprocessedItems"];
        let left = rest["connections"].as_array().map_or(0, Vec::len);
        let before = &request["RequestItems"]["connections"];
        let before = before.as_array().unwrap().len();
        assert!(left < before, "{left} of {before}");
        if left == 0 {
            break;
        }
        request = json!({"RequestItems": rest});
    }
    assert!(rounds > 1);
    let scan = ok(&dynamodb, "Scan", json!({"TableName": "connections"})).await;
    assert_eq!(scan["Count"], 20);
}

#[tokio::test]
async fn a_batch_of_reads_keeps_its_options_in_what_is_left() {
    let (server, dynamodb, faults) = faulty().await;
    ok(&dynamodb, "BatchWriteItem", batch(10)).await;
    faults.change("unprocessed=100%").unwrap();
    let keys: Vec<_> = (0..10).map(|n| key(&n.to_string())).collect();
    let get = json!({"RequestItems": {"connections": {
        "Keys": keys, "ConsistentRead": true, "ProjectionExpression": "sk",
    }}});
    let (_, body) = server.call("BatchGetItem", &get).await;
    let found = body["Responses"]["connections"].as_array().unwrap().len();
    let rest = &body["UnprocessedKeys"]["connections"];
    let left = rest["Keys"].as_array().unwrap().len();
    assert!(found > 0 && left > 0, "{found} {left}");
    assert_eq!(found + left, 10);
    assert_eq!(rest["ConsistentRead"], true);
    assert_eq!(rest["ProjectionExpression"], "sk");
}

#[tokio::test(start_paused = true)]
async fn an_eventually_consistent_read_misses_the_last_second() {
    let (server, _, faults) = faulty().await;
    assert_eq!(server.call("PutItem", &put("old")).await.0, 200);
    faults.change("stale-read=100%").unwrap();
    assert_eq!(server.call("PutItem", &put("new")).await.0, 200);
    let delete = json!({"TableName": "connections", "Key": key("old")});
    assert_eq!(server.call("DeleteItem", &delete).await.0, 200);

    assert!(server.sees("old").await);
    assert!(!server.sees("new").await);
    assert!(server.call("GetItem", &consistent("new")).await.1["Item"].is_object());
    let query = json!({
        "TableName": "connections", "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "C"}}, "ProjectionExpression": "sk",
    });
    let (_, found) = server.call("Query", &query).await;
    assert_eq!(found["Items"], json!([{"sk": {"S": "old"}}]));

    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!server.sees("old").await);
    assert!(server.sees("new").await);
    assert!(faults.fired(Kind::StaleRead) >= 5);
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_sees_the_state_before_the_last_write_of_an_item() {
    let (server, _, faults) = faulty().await;
    faults.change("stale-read=100%").unwrap();
    let write = |value: &str| {
        json!({"TransactItems": [{"Update": {
            "TableName": "connections", "Key": key("1"), "UpdateExpression": "SET a = :a",
            "ExpressionAttributeValues": {":a": {"S": value}},
        }}]})
    };
    let get = json!({"TableName": "connections", "Key": key("1")});
    for (value, seen) in [("a", Value::Null), ("b", "a".into()), ("c", "b".into())] {
        let (status, body) = server.call("TransactWriteItems", &write(value)).await;
        assert_eq!(status, 200, "{body}");
        let (_, found) = server.call("GetItem", &get).await;
        assert_eq!(found["Item"]["a"]["S"], seen, "after {value}");
        tokio::time::advance(Duration::from_millis(700)).await;
    }
    assert_eq!(server.call("BatchWriteItem", &batch(3)).await.0, 200);
    assert!(!server.sees("0").await);
    assert!(!server.sees("2").await);
    // A table that did not exist when the reads began to be stale.
    faults.change("off").unwrap();
    let expected = Value::Null;
    assert_eq!(server.call("GetItem", &get).await.1["Item"]["a"], expected);
}

#[tokio::test]
async fn a_table_that_is_created_later_has_stale_reads_too() {
    let (server, _, faults) = faulty().await;
    faults.change("stale-read=100%").unwrap();
    assert_eq!(server.call("PutItem", &put("1")).await.0, 200);
    let mut later = table();
    later["TableName"] = "later".into();
    later["GlobalSecondaryIndexes"] = json!([{
        "IndexName": "by-sk", "Projection": {"ProjectionType": "ALL"},
        "KeySchema": [{"AttributeName": "sk", "KeyType": "HASH"}],
    }]);
    assert_eq!(server.call("CreateTable", &later).await.0, 200);
    let mut item = put("1");
    item["TableName"] = "later".into();
    assert_eq!(server.call("PutItem", &item).await.0, 200);
    let query = json!({
        "TableName": "later", "IndexName": "by-sk", "KeyConditionExpression": "sk = :sk",
        "ExpressionAttributeValues": {":sk": {"S": "1"}},
    });
    let (status, found) = server.call("Query", &query).await;
    assert_eq!((status, &found["Count"]), (200, &json!(0)), "{found}");
    faults.change("off").unwrap();
    assert_eq!(server.call("Query", &query).await.1["Count"], 1);
}
