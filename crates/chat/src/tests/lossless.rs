//! Conversations of clients that subscribe to the log of a room.

use super::*;
use lambda_ws::testing::Client;

/// Connects a client that joins no room by itself.
async fn arrive(gateway: &Gateway, user: &str) -> Client {
    let uri = format!("/?user={user}");
    let request = gateway.request(&uri).protocol("chat.lossless.v1");
    let mut client = request.connect().await.expect("accepted");
    assert_eq!(client.protocol(), Some("chat.lossless.v1"));
    assert_eq!(received(&mut client), nothing());
    client
}

async fn subscribe(client: &mut Client, room: &str, since: Value) -> Value {
    let frame = json!({"action": "$subscribe", "room": format!("chat/{room}"), "since": since});
    client.send(frame.to_string()).await;
    client.recv_json().await
}

/// Connects a client, subscribes to a room, and returns it with its position.
async fn enter_log(gateway: &Gateway, user: &str, room: &str) -> (Client, Value) {
    let mut client = arrive(gateway, user).await;
    let answer = subscribe(&mut client, room, Value::Null).await;
    assert_eq!(answer["$"], "subscribed", "{answer}");
    let position = json!([answer["epoch"], answer["seq"]]);
    (client, position)
}

/// Returns the users and texts of the messages in an answer.
fn history(answer: &Value) -> Vec<(String, String)> {
    let messages = answer["messages"].as_array().expect("messages");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let entry = |message: &Value| (text(&message[1]["user"]), text(&message[1]["text"]));
    messages.iter().map(entry).collect()
}

#[tokio::test]
async fn a_message_reaches_plain_and_lossless_clients_once_each() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let (mut bob, _) = enter_log(&gateway, "bob", "tea").await;
    let (mut eve, _) = enter_log(&gateway, "eve", "coffee").await;
    assert_eq!(received(&mut ann), [joined("bob", "tea")]);
    for (user, text) in [("ann", "from ann"), ("bob", "from bob")] {
        let sender = if user == "ann" { &ann } else { &bob };
        say(sender, text).await;
        assert_eq!(received(&mut ann), [said(user, "tea", text)]);
        let frames = received(&mut bob);
        let [frame] = frames.as_slice() else {
            panic!("expected one frame: {frames:?}");
        };
        assert_eq!(
            (&frame["$"], &frame["room"]),
            (&json!("message"), &json!("chat/tea"))
        );
        let data = &frame["data"];
        assert_eq!((&data["user"], &data["text"]), (&json!(user), &json!(text)));
        assert!(data["at"].as_u64() > Some(0), "{data}");
    }
    assert_eq!(received(&mut eve), nothing());
}

#[tokio::test]
async fn a_client_that_returns_reads_what_it_missed() {
    let gateway = chat();
    let ann = enter(&gateway, "ann", "tea").await;
    let (bob, position) = enter_log(&gateway, "bob", "tea").await;
    bob.close().await;
    say(&ann, "one").await;
    say(&ann, "two").await;
    let mut bob = arrive(&gateway, "bob").await;
    let answer = subscribe(&mut bob, "tea", position).await;
    assert_eq!(answer["recovered"], true, "{answer}");
    let pair = |text: &str| ("ann".to_owned(), text.to_owned());
    assert_eq!(history(&answer), [pair("one"), pair("two")]);
}

#[tokio::test]
async fn a_new_client_reads_the_last_100_messages() {
    let gateway = chat();
    let ann = enter(&gateway, "ann", "tea").await;
    for number in 0..102 {
        say(&ann, &format!("message {number}")).await;
    }
    let mut bob = arrive(&gateway, "bob").await;
    // The position with which the page begins.
    let answer = subscribe(&mut bob, "tea", json!(["0", 0])).await;
    assert_eq!(answer["recovered"], false, "{answer}");
    let history = history(&answer);
    assert_eq!(history.len(), 100);
    assert_eq!(history[0].1, "message 2");
    assert_eq!(history[99].1, "message 101");
}

#[tokio::test]
async fn lists_and_announcements_contain_both_kinds_of_clients() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let (mut bob, _) = enter_log(&gateway, "bob", "tea").await;
    received(&mut ann);
    let cat = enter(&gateway, "cat", "tea").await;
    for client in [&mut ann, &mut bob] {
        assert_eq!(received(client), [joined("cat", "tea")]);
        assert_eq!(who(client).await, members("tea", &["ann", "bob", "cat"]));
    }
    cat.close().await;
    for client in [&mut ann, &mut bob] {
        assert_eq!(received(client), [left("cat", "tea")]);
    }
    bob.close().await;
    assert_eq!(received(&mut ann), [left("bob", "tea")]);
    assert_eq!(who(&mut ann).await, members("tea", &["ann"]));
}

#[tokio::test]
async fn a_client_of_several_rooms_names_the_room_of_its_message() {
    let gateway = chat();
    let (mut bob, _) = enter_log(&gateway, "bob", "tea").await;
    subscribe(&mut bob, "coffee", Value::Null).await;
    for room in ["tea", "coffee"] {
        let say = json!({"action": "say", "room": room, "text": "hi"});
        bob.send(say.to_string()).await;
        let frame: Value = bob.recv_json().await;
        assert_eq!(frame["room"], format!("chat/{room}"));
    }
    bob.send(r#"{"action":"say","room":"cocoa","text":"hi","$id":1}"#)
        .await;
    let error: Value = bob.recv_json().await;
    assert_eq!(
        (&error["id"], &error["error"]["code"]),
        (&json!(1), &json!("not_in_room"))
    );
}

#[tokio::test]
async fn a_client_without_a_room_is_told_to_subscribe() {
    let gateway = chat();
    let mut bob = arrive(&gateway, "bob").await;
    bob.send(r#"{"action":"say","text":"hi"}"#).await;
    let error: Value = bob.recv_json().await;
    assert_eq!(error["error"]["code"], "not_in_room", "{error}");
}

#[tokio::test]
async fn a_client_may_subscribe_only_to_rooms_with_valid_names() {
    let gateway = chat();
    let mut bob = arrive(&gateway, "bob").await;
    for room in ["tea", "chat/", "chat/a b", "chat/a/b", "other/tea"] {
        let frame = json!({"action": "$subscribe", "room": room});
        bob.send(frame.to_string()).await;
        let error: Value = bob.recv_json().await;
        assert_eq!(error["error"]["code"], "bad_room", "{room}: {error}");
    }
}
