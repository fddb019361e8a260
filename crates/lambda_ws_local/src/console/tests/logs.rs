//! The logs of rooms.

use super::*;
use lambda_ws_protocol::table_layout;

/// Writes an item of a log: a message, or a mark without data.
async fn put(watched: &Watched, room: &str, sk: &str, data: Option<&str>) {
    let pk = table_layout::log(room);
    let mut item = json!({
        "pk": { "S": pk }, "sk": { "S": sk }, "at": { "N": "1767607440000" }, "exp": { "N": "9999999999" },
    });
    if let Some(data) = data {
        item["data"] = json!({ "S": data });
    }
    let request = json!({ "TableName": "Connections", "Item": item }).to_string();
    let (status, answer) = watched.dynamodb.call("PutItem", request.into()).await;
    assert_eq!(status, 200, "{answer:?}");
}

/// Writes a log of an epoch with messages of the numbers 1 to `last`.
async fn write(watched: &Watched, room: &str, epoch: &str, last: u64) {
    put(watched, room, table_layout::LOG_HEAD, None).await;
    put(watched, room, &table_layout::log_message(epoch, 0), None).await;
    for seq in 1..=last {
        let data = format!("\"m{seq}\"");
        let sk = table_layout::log_message(epoch, seq);
        put(watched, room, &sk, Some(&data)).await;
    }
}

fn numbers(page: &Value) -> Vec<u64> {
    let messages = page["messages"].as_array().expect("messages").iter();
    messages.filter_map(|one| one["seq"].as_u64()).collect()
}

#[tokio::test]
async fn a_log_is_read_in_pages_from_its_newest_message() {
    let watched = start(Setup::new(), None).await;
    let epoch = table_layout::epoch(1_767_607_440_000);
    write(&watched, "tea", &epoch, 130).await;
    write(&watched, "a room", &epoch, 1).await;
    let (_, rooms) = watched.call("GET", "rooms", "").await;
    let room = |name: &str| json!({ "room": name, "table": "Connections" });
    let expected = json!({ "rooms": [room("a room"), room("tea")], "whole": true });
    assert_eq!(rooms, expected);

    let asked = json!({ "table": "Connections", "room": "tea" });
    let (status, page) = watched.call("POST", "log", &asked.to_string()).await;
    assert_eq!(status, 200, "{page}");
    let newest =
        json!({ "epoch": epoch, "seq": 130, "ended": false, "began": 1_767_607_440_000_u64 });
    assert_eq!(page["newest"], newest);
    assert_eq!(numbers(&page), (31..=130).rev().collect::<Vec<_>>());
    let first = json!({
        "epoch": epoch, "seq": 130, "at": 1_767_607_440_000_u64, "expires": 9_999_999_999_u64,
        "bytes": 6, "data": "\"m130\"",
    });
    assert_eq!(page["messages"][0], first);

    let asked = json!({ "table": "Connections", "room": "tea", "before": page["next"] });
    let (_, page) = watched.call("POST", "log", &asked.to_string()).await;
    assert_eq!(numbers(&page), (1..=30).rev().collect::<Vec<_>>());
    assert_eq!(
        (&page["newest"], &page["next"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn the_end_of_an_epoch_is_not_a_message() {
    let watched = start(Setup::new(), None).await;
    let epoch = table_layout::epoch(1_767_607_440_000);
    write(&watched, "tea", &epoch, 2).await;
    put(&watched, "tea", &table_layout::log_message(&epoch, 3), None).await;
    let asked = json!({ "table": "Connections", "room": "tea" }).to_string();
    let (_, page) = watched.call("POST", "log", &asked).await;
    assert_eq!(page["newest"]["seq"], 2);
    assert_eq!(page["newest"]["ended"], true);
    assert_eq!(numbers(&page), [2, 1]);
}

#[tokio::test]
async fn a_request_for_a_log_is_checked() {
    let watched = start(Setup::new(), None).await;
    let asked = json!({ "table": "Connections", "room": "silent" }).to_string();
    let (status, page) = watched.call("POST", "log", &asked).await;
    let empty = json!({ "newest": null, "messages": [], "next": null });
    assert_eq!((status, page), (200, empty));
    for body in [
        "",
        "{}",
        r#"{"table":"Connections","room":"tea","after":1}"#,
    ] {
        let (status, answer) = watched.call("POST", "log", body).await;
        assert_eq!(status, 400, "{body}: {answer}");
    }
    let unknown = json!({ "table": "Nothing", "room": "tea" }).to_string();
    assert_eq!(watched.call("POST", "log", &unknown).await.0, 400);
    assert_eq!(watched.call("POST", "rooms", "").await.0, 405);
    assert_eq!(watched.call("GET", "log", "").await.0, 405);
}
