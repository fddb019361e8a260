//! Tests of commands through the gateway of `testing`.

use super::cursor::CursorKind;
use super::walk::Walk;
use super::*;
use crate::store::{History, Record};
use crate::testing::{Client, Gateway};
use crate::{Channels, ConnectionId, Error, Opening, Query, Router};
use serde_json::{Value, json};
use std::collections::HashSet;

async fn connect(me: Opening, Query(query): Query<Vec<(String, String)>>) -> Result<(), Error> {
    for (name, value) in query {
        match &*name {
            "user" => me.user(&value)?,
            "room" => me.join(&value)?,
            "session" => me.save(&value)?,
            _ => {}
        }
    }
    Ok(())
}

fn gateway() -> Gateway {
    let history = History::new(3, Duration::from_secs(3600));
    let channels = Channels::new().history("chat/*", history);
    Gateway::new(Router::new().connect(connect).channels(channels).admin())
}

/// Two connections of ann, one of them in the room tea, and bob in the room tea.
async fn clients(gateway: &Gateway) -> [Client; 3] {
    let mut clients = Vec::new();
    for uri in [
        "/?user=ann&room=tea&session=s",
        "/?user=ann",
        "/?user=bob&room=tea",
    ] {
        clients.push(gateway.connect(uri).await.unwrap());
    }
    clients.try_into().expect("three clients")
}

async fn ask(gateway: &Gateway, command: Value) -> Value {
    let answer = gateway.invoke(json!({"admin": command})).await;
    answer.unwrap_or_else(|error| panic!("{command}: {error}"))
}

async fn error(gateway: &Gateway, command: &Value) -> String {
    let answer = gateway.invoke(json!({"admin": command})).await;
    answer.expect_err(&command.to_string())
}

fn ids(listed: &Value) -> HashSet<String> {
    let rows = listed["connections"].as_array().unwrap().iter();
    let ids = rows.map(|row| row["connection"].as_str().unwrap().to_owned());
    ids.collect()
}

/// Registers connections in a room and of a user, without sockets.
async fn register(gateway: &Gateway, count: usize, room: &str) {
    let (sender, now) = (gateway.sender(), gateway.now());
    for number in 0..count {
        let id = format!("m{number:06}").as_str().into();
        let mut record = Record::new(id, now, "a1b2c3d4e5/test", now);
        record.rooms.insert(room.to_owned());
        record.user = Some(room.to_owned());
        sender.store().register(&record).await.unwrap();
    }
}

#[tokio::test]
async fn all_connections_or_those_of_a_room_or_a_user_are_counted_and_listed() {
    let gateway = gateway();
    let [ann, phone, bob] = clients(&gateway).await;
    for (target, expected) in [
        (json!({}), vec![&ann, &phone, &bob]),
        (json!({"everyone": true}), vec![&ann, &phone, &bob]),
        (json!({"room": "tea"}), vec![&ann, &bob]),
        (json!({"user": "ann"}), vec![&ann, &phone]),
        (json!({"room": "coffee"}), vec![]),
    ] {
        let counted = ask(&gateway, json!({"count": target})).await;
        assert_eq!(counted, json!({"count": expected.len()}), "{target}");
        let listed = ask(&gateway, json!({"list": target})).await;
        let expected = expected.iter().map(|client| client.id().to_string());
        assert_eq!(ids(&listed), expected.collect(), "{target}");
        assert_eq!(listed["next"], Value::Null);
    }
}

#[tokio::test]
async fn rows_contain_details_on_request() {
    let gateway = gateway();
    let [ann, ..] = clients(&gateway).await;
    let plain = ask(&gateway, json!({"list": {"room": "tea"}})).await;
    assert!(plain["connections"][0].as_object().unwrap().len() == 1);
    let listed = ask(&gateway, json!({"list": {"room": "tea", "details": true}})).await;
    let rows = listed["connections"].as_array().unwrap();
    let id = ann.id().to_string();
    let row = rows.iter().find(|row| row["connection"] == id).unwrap();
    let now = gateway.now().millis();
    let expected = json!({"connection": id, "user": "ann", "rooms": ["tea"], "connectedAt": now, "sessionBytes": 3});
    assert_eq!(*row, expected);
}

#[tokio::test]
async fn a_list_of_many_pages_contains_each_connection_once() {
    let gateway = gateway();
    register(&gateway, 2500, "tea").await;
    let count = ask(&gateway, json!({"count": {"user": "tea"}})).await;
    assert_eq!(count, json!({"count": 2500}));
    for (target, details) in [
        (json!({}), false),
        (json!({}), true),
        (json!({"room": "tea"}), false),
        (json!({"room": "tea"}), true),
    ] {
        let (mut found, mut rows, mut pages) = (HashSet::new(), 0, 0);
        let mut list = target.clone();
        list["details"] = details.into();
        loop {
            let listed = ask(&gateway, json!({"list": list})).await;
            rows += listed["connections"].as_array().unwrap().len();
            found.extend(ids(&listed));
            pages += 1;
            match listed["next"].is_null() {
                true => break,
                false => list["cursor"] = listed["next"].clone(),
            }
        }
        assert_eq!((found.len(), rows), (2500, 2500), "{list}");
        assert!((2..=4).contains(&pages), "{pages}");
    }
}

#[tokio::test]
async fn rows_with_long_names_fit_into_a_response() {
    let gateway = gateway();
    let (sender, now) = (gateway.sender(), gateway.now());
    for number in 0..400 {
        let id = format!("m{number:06}").as_str().into();
        let mut record = Record::new(id, now, "a1b2c3d4e5/test", now);
        record.rooms = (0..100).map(|room| format!("{room:0256}")).collect();
        sender.store().register(&record).await.unwrap();
    }
    let room = format!("{:0256}", 7);
    let list = json!({"room": room, "details": true});
    let listed = ask(&gateway, json!({"list": list})).await;
    let bytes = listed.to_string().len();
    assert!(bytes < 6_000_000 && listed["next"].is_string(), "{bytes}");
}

#[tokio::test]
async fn a_connection_is_shown_with_its_socket_and_its_session_on_request() {
    let gateway = gateway();
    let [ann, ..] = clients(&gateway).await;
    let id = ann.id().to_string();
    let shown = ask(&gateway, json!({"show": {"connection": id}})).await;
    let found = &shown["connection"];
    assert_eq!(found["user"], "ann");
    assert_eq!(found["rooms"], json!(["tea"]));
    assert_eq!(found["connectedAt"], gateway.now().millis());
    assert_eq!(found["sessionBytes"], 3);
    assert_eq!(found["session"], Value::Null);
    assert!(found["client"]["sourceIp"].is_string(), "{shown}");
    assert!(found["client"]["lastActiveAt"].is_number(), "{shown}");
    let shown = ask(
        &gateway,
        json!({"show": {"connection": id, "session": true}}),
    )
    .await;
    assert_eq!(shown["connection"]["session"], "s");
    let missing = ask(&gateway, json!({"show": {"connection": "nobody"}})).await;
    assert_eq!(missing, json!({"connection": null}));
}

#[tokio::test]
async fn a_record_without_a_socket_is_shown_with_the_error() {
    let gateway = gateway();
    register(&gateway, 1, "tea").await;
    let shown = ask(&gateway, json!({"show": {"connection": "m000000"}})).await;
    let error = shown["connection"]["clientError"].as_str().unwrap();
    assert!(error.contains("gone"), "{shown}");
    assert_eq!(shown["connection"]["client"], Value::Null);
}

#[tokio::test]
async fn a_connection_a_user_a_room_or_everyone_is_disconnected() {
    for (target, closed) in [("connection", 1), ("user", 2), ("room", 2), ("everyone", 3)] {
        let gateway = gateway();
        let [ann, ..] = clients(&gateway).await;
        let target = match target {
            "connection" => json!({"connection": ann.id()}),
            "user" => json!({"user": "ann"}),
            "room" => json!({"room": "tea"}),
            _ => json!({"everyone": true}),
        };
        let answer = ask(&gateway, json!({"disconnect": target})).await;
        let expected = json!({"closed": closed, "gone": 0, "throttled": 0, "failed": 0});
        assert_eq!(answer, expected, "{target}");
        let counted = ask(&gateway, json!({"count": {}})).await;
        assert_eq!(counted, json!({"count": 3 - closed}), "{target}");
        let again = ask(&gateway, json!({"disconnect": target})).await;
        assert_eq!(again["closed"], 0, "{target}");
    }
}

#[tokio::test]
async fn a_broadcast_takes_the_path_of_publish_events() {
    let gateway = gateway();
    let [mut ann, mut phone, mut bob] = clients(&gateway).await;
    let answer = ask(
        &gateway,
        json!({"broadcast": {"room": "tea", "data": {"n": 1.50}}}),
    )
    .await;
    assert_eq!(
        answer,
        json!({"sent": 2, "gone": 0, "throttled": 0, "failed": 0})
    );
    assert_eq!(bob.recv().await, r#"{"n":1.5}"#);
    let answer = ask(
        &gateway,
        json!({"broadcast": {"user": "ann", "data": "hello"}}),
    )
    .await;
    assert_eq!(answer["sent"], 2);
    assert_eq!(phone.recv().await, "hello");
    assert_eq!(ann.recv_all(), [r#"{"n":1.5}"#, "hello"]);
    let logged = ask(
        &gateway,
        json!({"broadcast": {"room": "chat/1", "data": "hi"}}),
    )
    .await;
    assert_eq!(logged["position"][1], 1, "{logged}");
}

#[tokio::test]
async fn the_messages_of_a_room_with_history_are_followed() {
    let gateway = gateway();
    let follow = async |since: &Value| {
        let follow = json!({"room": "chat/tea", "since": since});
        ask(&gateway, json!({"follow": follow})).await
    };
    let say = async |text: String| {
        let publish = json!({"room": "chat/tea", "data": text});
        ask(&gateway, json!({"broadcast": publish})).await
    };
    let start = follow(&Value::Null).await;
    assert_eq!(start["messages"], json!([]));
    say("one".to_owned()).await;
    say("two".to_owned()).await;
    let found = follow(&start["position"]).await;
    assert_eq!(found["messages"], json!([[1, "one"], [2, "two"]]));
    assert_eq!(found["recovered"], true);
    let nothing = follow(&found["position"]).await;
    assert_eq!(nothing["messages"], json!([]));
    assert_eq!(nothing["position"], found["position"]);
    // The history has 3 messages.
    for number in 0..5 {
        say(number.to_string()).await;
    }
    let gap = follow(&found["position"]).await;
    assert_eq!(gap["recovered"], false);
    assert_eq!(gap["messages"][2], json!([7, "4"]));
}

#[tokio::test]
async fn a_room_without_history_is_not_followed_and_the_error_names_the_fix() {
    let command = json!({"follow": {"room": "tea"}});
    for gateway in [gateway(), Gateway::new(Router::new().admin())] {
        let error = error(&gateway, &command).await;
        assert!(error.contains("\"tea\" has no history"), "{error}");
        assert!(error.contains("`Channels::history`"), "{error}");
    }
}

#[tokio::test]
async fn garbage_is_rejected_with_the_fault_and_the_form() {
    let gateway = gateway();
    let [_ann, ..] = clients(&gateway).await;
    let long = "x".repeat(257);
    for (command, fault) in [
        (json!(5), "expected"),
        (json!({}), "expected"),
        (json!({"count": {"rooms": "tea"}}), "unknown field `rooms`"),
        (
            json!({"count": {"room": "tea", "user": "ann"}}),
            "not unique",
        ),
        (json!({"count": {"room": ""}}), "1 to 256"),
        (json!({"list": {"user": long}}), "1 to 256"),
        (json!({"show": {"connection": long}}), "1 to 256"),
        (json!({"disconnect": {}}), "the target is missing"),
        (json!({"disconnect": {"everyone": false}}), "expected true"),
        (
            json!({"disconnect": {"room": "tea", "everyone": true}}),
            "not unique",
        ),
        (json!({"disconnect": {"connection": ""}}), "1 to 256"),
        (
            json!({"broadcast": {"room": "tea"}}),
            "missing field `data`",
        ),
        (json!({"broadcast": {"data": 1}}), "the target is missing"),
        (json!({"follow": {"room": ""}}), "1 to 256"),
        (
            json!({"follow": {"room": "chat/1", "since": ["x", 1]}}),
            "`since` is not valid",
        ),
    ] {
        let error = error(&gateway, &command).await;
        assert!(error.contains(fault), "{command}: {error}");
        assert!(error.contains("fix: send {\"admin\""), "{command}: {error}");
    }
    let counted = ask(&gateway, json!({"count": {}})).await;
    assert_eq!(counted, json!({"count": 3}), "nothing was closed");
}

#[tokio::test]
async fn a_cursor_of_another_command_or_group_is_rejected() {
    let gateway = gateway();
    register(&gateway, 2500, "tea").await;
    let listed = ask(&gateway, json!({"list": {"room": "tea"}})).await;
    let next = listed["next"].as_str().unwrap();
    for command in [
        json!({"count": {"room": "tea", "cursor": next}}),
        json!({"list": {"cursor": next}}),
        json!({"list": {"room": "coffee", "cursor": next}}),
        json!({"list": {"user": "tea", "cursor": next}}),
        json!({"tasks": {"cursor": next}}),
        json!({"list": {"room": "tea", "cursor": ""}}),
        json!({"list": {"room": "tea", "cursor": &next[..10]}}),
        json!({"list": {"room": "tea", "cursor": format!("{}zz", &next[..9])}}),
        json!({"list": {"room": "tea", "cursor": format!("{}\u{e9}", &next[..10])}}),
        json!({"list": {"room": "tea", "cursor": format!("{}07", &next[..9])}}),
        json!({"list": {"room": "tea", "cursor": format!("{next}{}", "x".repeat(300))}}),
        json!({"tasks": {"cursor": "t"}}),
    ] {
        let error = error(&gateway, &command).await;
        assert!(
            error.contains("the cursor is not valid"),
            "{command}: {error}"
        );
    }
}

#[test]
fn a_position_of_another_partition_is_not_a_cursor() {
    let sender = gateway().sender();
    let everyone = Walk::new(&sender, Scope::Everyone, CursorKind::List, None).unwrap();
    let start = everyone.cursor().unwrap();
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    let own = lambda_ws_protocol::table_layout::hash(&id) & 0xf0;
    for from in (0..=240_u8).step_by(16) {
        let cursor = format!("{}{from:02x}{id}", &start[..9]);
        let walk = Walk::new(&sender, Scope::Everyone, CursorKind::List, Some(&cursor));
        assert_eq!(walk.is_ok(), from == own, "{cursor}");
        if let Ok(walk) = walk {
            assert_eq!(walk.cursor(), Some(cursor));
        }
    }
}

#[tokio::test]
async fn rooms_with_unusual_names_are_found() {
    let gateway = gateway();
    let longest = "x".repeat(256);
    for room in [
        " ",
        "#",
        "$",
        "R#tea",
        "a\"b\\c",
        "line\nbreak",
        "\u{1f375}",
        "\0",
        "everyone",
        &longest,
    ] {
        register(&gateway, 1, room).await;
        let counted = ask(&gateway, json!({"count": {"room": room}})).await;
        assert_eq!(counted, json!({"count": 1}), "{room:?}");
        let listed = ask(&gateway, json!({"list": {"room": room, "details": true}})).await;
        assert_eq!(listed["connections"][0]["rooms"], json!([room]));
        ask(&gateway, json!({"disconnect": {"room": room}})).await;
        let counted = ask(&gateway, json!({"count": {"room": room}})).await;
        assert_eq!(counted, json!({"count": 0}), "{room:?}");
    }
}
