//! What the page does: clients, posts, tables, replays and limits.

use super::*;
use lambda_ws_protocol::{ConnectionId, Timestamp, table_layout};

/// A function that lets nobody in without a query string, and speaks every sub-protocol.
async fn choosy(event: Value) -> Result<String, IntegrationError> {
    let status = match event["queryStringParameters"].is_object() {
        true => 200,
        false => 401,
    };
    let protocol = &event["headers"]["Sec-WebSocket-Protocol"];
    let mut headers = json!({});
    if protocol.is_string() {
        headers["Sec-WebSocket-Protocol"] = protocol.clone();
    }
    Ok(json!({ "statusCode": status, "headers": headers }).to_string())
}

#[tokio::test]
async fn a_client_of_the_console_connects_sends_and_hears() {
    let setup = Setup::new()
        .route("$connect", choosy)
        .two_way("$default", crate::gateway::testing::echo);
    let watched = start(setup, None).await;
    let mut page = watched.page().await;
    let wanted = json!({
        "name": "ann", "query": "user=ann", "headers": [["X-Who", "ann"]], "protocols": ["chat.v1"],
    });
    let (status, told) = watched.call("POST", "clients", &wanted.to_string()).await;
    assert_eq!(status, 200, "{told}");
    page.entry("client", |one| one["state"] == "open").await;
    let event = watched.local.expect("CONNECT").await;
    assert_eq!(event["headers"]["x-who"], "ann");
    assert_eq!(event["headers"]["Sec-WebSocket-Protocol"], "chat.v1");
    watched.call("POST", "clients/1/send", "hi there").await;
    let heard = page.entry("said", |one| one["direction"] == "received");
    let heard = heard.await;
    assert_eq!(heard["text"], "hi there");
    assert_eq!(heard["bytes"], 8);
    let (_, all) = watched.call("GET", "clients", "").await;
    assert_eq!(all[0]["messages"].as_array().unwrap().len(), 2);
    watched.call("POST", "clients/1/close", "").await;
    page.entry("client", |one| one["state"] == "closed").await;
    assert_eq!(watched.call("DELETE", "clients/1", "").await.0, 200);
    assert_eq!(watched.call("GET", "clients", "").await.1, json!([]));
}

#[tokio::test]
async fn a_client_that_is_refused_shows_the_status_and_the_request() {
    let watched = start(Setup::new().route("$connect", choosy), None).await;
    let mut page = watched.page().await;
    watched.call("POST", "clients", "{}").await;
    let refused = page.entry("client", |one| one["state"] == "refused").await;
    assert_eq!(refused["more"]["status"], 401);
    let body: Value = serde_json::from_str(refused["more"]["body"].as_str().unwrap()).unwrap();
    let event = watched.local.expect("CONNECT").await;
    assert_eq!(body["requestId"], event["requestContext"]["requestId"]);
    assert_eq!(watched.call("POST", "clients/1/send", "hi").await.0, 400);
    let bad = json!({ "headers": [["no header", "x"]] }).to_string();
    assert_eq!(watched.call("POST", "clients", &bad).await.0, 400);
}

#[tokio::test]
async fn the_console_posts_to_one_to_a_room_and_to_all() {
    let watched = start(Setup::new().route("$connect", ok), None).await;
    let (mut ann, mut bob) = (watched.local.connect().await, watched.local.connect().await);
    let (ann_id, bob_id) = (watched.local.id().await, watched.local.id().await);
    let post = async |to: Value| {
        let body = json!({ "to": to, "data": "hello" }).to_string();
        watched.call("POST", "post", &body).await.1
    };
    let done = post(json!({ "connection": ann_id })).await;
    assert_eq!((&done["asked"], &done["sent"]), (&json!(1), &json!(1)));
    assert_eq!(ann.text().await, "hello");
    let done = post(json!({ "everyone": true })).await;
    assert_eq!(done["sent"], 2);
    assert_eq!(ann.text().await, "hello");
    assert_eq!(bob.text().await, "hello");
    let done = post(json!({ "room": "empty" })).await;
    assert_eq!(done["asked"], 0);
    let gone = post(json!({ "connection": "L0SM9cOFvHcCIhw=" })).await;
    assert_eq!(gone["failed"], json!({ "410": 1 }));
    let ids = json!([bob_id, "nobody"]).to_string();
    let (_, known) = watched.call("POST", "details", &ids).await;
    assert_eq!(known.as_object().unwrap().len(), 1);
    let bob = json!({ "connection": bob_id }).to_string();
    let (_, closed) = watched.call("POST", "close", &bob).await;
    assert_eq!(closed["status"], 204);
}

#[tokio::test]
async fn a_table_with_other_names_is_found() {
    let watched = start(Setup::new().route("$connect", ok), None).await;
    let team = table().to_string();
    let team = team.replace("\"pk\"", "\"PK\"").replace("\"sk\"", "\"SK\"");
    let team = team.replace("Connections", "Team");
    let team = serde_json::from_str(&team).unwrap();
    let created = watched.dynamodb.create_table(team, Some("ttl")).await;
    created.unwrap();
    let mut ann = watched.local.connect().await;
    let id = ConnectionId::from(watched.local.id().await.as_str());
    let partition = table_layout::connections(table_layout::hash(&id));
    let now = Timestamp::now().secs();
    for (member, expires) in [(id.clone(), now + 60), ("ended".into(), now - 60)] {
        let item = json!({
            "PK": {"S": table_layout::room("tea")}, "SK": {"S": table_layout::member(&member)},
            "ttl": {"N": expires.to_string()},
        });
        put(&watched, &item).await;
    }
    put(
        &watched,
        &json!({"PK": {"S": partition}, "SK": {"S": id.as_str()}, "user": {"S": "ann"}}),
    )
    .await;
    let ids = json!([id.as_str()]).to_string();
    let (_, known) = watched.call("POST", "details", &ids).await;
    assert_eq!(known[id.as_str()]["user"], "ann", "{known}");
    let call = json!({"to": {"room": "tea"}, "data": "hello"}).to_string();
    let (_, sent) = watched.call("POST", "post", &call).await;
    assert_eq!(
        (&sent["asked"], &sent["sent"]),
        (&json!(1), &json!(1)),
        "{sent}"
    );
    assert_eq!(ann.text().await, "hello");
}

async fn put(watched: &Watched, item: &Value) {
    let body = json!({"TableName": "Team", "Item": item}).to_string();
    let (status, answer) = watched.dynamodb.call("PutItem", body.into()).await;
    assert!(status.is_success(), "{answer:?}");
}

#[tokio::test]
async fn tables_are_read_and_never_written() {
    let watched = start(Setup::new(), None).await;
    let (_, tables) = watched.call("POST", "dynamodb/ListTables", "{}").await;
    assert_eq!(tables["TableNames"], json!(["Connections"]));
    let table = r#"{"TableName":"Connections"}"#;
    let deleted = watched.call("POST", "dynamodb/DeleteTable", table);
    let (status, refused) = deleted.await;
    assert_eq!(status, 400, "{refused}");
    let path = "items?connection=L0SM9cOFvHcCIhw%3D";
    let (_, items) = watched.call("GET", path, "").await;
    assert_eq!(items, json!({ "items": [], "looked": 0, "whole": true }));
}

#[tokio::test]
async fn an_event_is_sent_again() {
    let watched = start(Setup::new(), None).await;
    let event = json!({ "function": "chat", "event": "{\"a\":1}" }).to_string();
    let (_, answer) = watched.call("POST", "replay", &event).await;
    assert_eq!(answer["response"], json!("{\"a\":1}"));
    assert_eq!(answer["error"], Value::Null);
    let nobody = json!({ "function": "x", "event": "{}" }).to_string();
    let (_, answer) = watched.call("POST", "replay", &nobody).await;
    assert_eq!(answer["error"], "nobody");
    let none = json!({ "function": "chat", "event": "{" }).to_string();
    assert_eq!(watched.call("POST", "replay", &none).await.0, 400);
}

#[tokio::test]
async fn limits_are_set_and_lifted_while_the_template_s_stay() {
    let mut limits = RateLimits::default();
    limits.routes.insert("say".to_owned(), Rate::new(1.0, 2.0));
    let setup = Setup::new().options(|options| options.throttle.set(Some(limits)));
    let watched = start(setup, None).await;
    let wanted = r#"{"throttle":{"rate":5,"burst":6,"connections":7}}"#;
    let (_, knobs) = watched.call("PATCH", "knobs", wanted).await;
    let expected = json!({ "rate": 5.0, "burst": 6.0, "connections": 7.0 });
    assert_eq!(knobs["throttle"], expected);
    assert_eq!(knobs["freeze"], true);
    let limits = watched.local.gateway.throttle().limits().unwrap();
    assert_eq!(limits.routes["say"], Rate::new(1.0, 2.0));
    let (_, knobs) = watched.call("PATCH", "knobs", r#"{"throttle":null}"#).await;
    assert_eq!(knobs["throttle"], Value::Null);
    let negative = r#"{"throttle":{"rate":-1,"burst":1,"connections":1}}"#;
    assert_eq!(watched.call("PATCH", "knobs", negative).await.0, 400);
    let (_, knobs) = watched.call("PATCH", "knobs", wanted).await;
    assert_eq!(knobs["throttle"]["rate"], 5.0);
    let limits = watched.local.gateway.throttle().limits().unwrap();
    // After they were lifted, too.
    assert_eq!(limits.routes["say"], Rate::new(1.0, 2.0));
}
