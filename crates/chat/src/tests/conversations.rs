//! Conversations of clients that follow the protocol.

use super::*;
use std::time::Duration;

#[tokio::test]
async fn a_join_is_announced_to_the_other_clients_of_the_room_only() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let mut eve = enter(&gateway, "eve", "coffee").await;
    let mut bob = enter(&gateway, "bob", "tea").await;
    assert_eq!(received(&mut ann), [joined("bob", "tea")]);
    assert_eq!(received(&mut bob), nothing());
    assert_eq!(received(&mut eve), nothing());
}

#[tokio::test]
async fn the_welcome_message_contains_the_users_of_the_room() {
    let gateway = chat();
    let _bob = enter(&gateway, "bob", "tea").await;
    let _eve = enter(&gateway, "eve", "coffee").await;
    let mut ann = gateway.connect("/?user=ann&room=tea").await.unwrap();
    let welcome: Value = ann.recv_json().await;
    let users = ["ann", "bob"];
    let expected = json!({"type": "welcome", "user": "ann", "room": "tea", "users": users});
    assert_eq!(welcome, expected);
    assert_eq!(received(&mut ann), nothing());
}

#[tokio::test]
async fn clients_that_connect_at_the_same_time_are_all_in_the_room() {
    let gateway = chat();
    let users: Vec<_> = (0..20).map(|n| format!("user{n:02}")).collect();
    let entering = users.iter().map(|user| enter(&gateway, user, "tea"));
    let mut clients = futures_util::future::join_all(entering).await;
    for client in &mut clients {
        received(client);
        let list = who(client).await;
        assert_eq!(list["users"], json!(users));
    }
    say(&clients[0], "hi").await;
    for client in &mut clients {
        assert_eq!(received(client), [said("user00", "tea", "hi")]);
    }
}

#[tokio::test]
async fn a_client_without_a_room_in_its_query_is_in_the_lobby() {
    let gateway = chat();
    let mut ann = gateway.connect("/?user=ann").await.unwrap();
    let welcome: Value = ann.recv_json().await;
    assert_eq!(welcome["room"], "lobby");
    assert_eq!(who(&mut ann).await, members("lobby", &["ann"]));
}

#[tokio::test]
async fn a_message_reaches_every_client_of_its_room_and_its_sender() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let mut bob = enter(&gateway, "bob", "tea").await;
    let mut eve = enter(&gateway, "eve", "coffee").await;
    received(&mut ann);
    say(&bob, "hi \"all\" \u{1f375}").await;
    for client in [&mut ann, &mut bob] {
        let expected = [said("bob", "tea", "hi \"all\" \u{1f375}")];
        assert_eq!(received(client), expected);
    }
    assert_eq!(received(&mut eve), nothing());
}

#[tokio::test]
async fn a_text_of_4000_characters_is_valid_with_any_number_of_bytes() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let text = "ü".repeat(4000);
    say(&ann, &text).await;
    assert_eq!(received(&mut ann), [said("ann", "tea", &text)]);
    say(&ann, "").await;
    assert_eq!(received(&mut ann), [said("ann", "tea", "")]);
}

#[tokio::test]
async fn a_client_that_joins_a_room_leaves_the_old_one() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let mut bob = enter(&gateway, "bob", "tea").await;
    let mut eve = enter(&gateway, "eve", "coffee").await;
    received(&mut ann);
    join(&ann, "coffee").await;
    assert_eq!(received(&mut bob), [left("ann", "tea")]);
    assert_eq!(received(&mut eve), [joined("ann", "coffee")]);
    assert_eq!(received(&mut ann), [entered("coffee")]);
    assert_eq!(who(&mut bob).await, members("tea", &["bob"]));
    say(&ann, "hi").await;
    assert_eq!(received(&mut eve), [said("ann", "coffee", "hi")]);
    assert_eq!(received(&mut bob), nothing());
}

#[tokio::test]
async fn a_join_of_the_current_room_is_answered_and_not_announced() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let mut bob = enter(&gateway, "bob", "tea").await;
    received(&mut ann);
    join(&ann, "tea").await;
    assert_eq!(received(&mut ann), [entered("tea")]);
    assert_eq!(received(&mut bob), nothing());
}

#[tokio::test]
async fn several_joins_at_the_same_time_end_in_exactly_one_room() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let mut watchers = Vec::new();
    for room in ["tea", "a", "b", "c", "d"] {
        watchers.push((room, enter(&gateway, "watcher", room).await));
    }
    received(&mut ann);
    tokio::join!(
        join(&ann, "a"),
        join(&ann, "b"),
        join(&ann, "c"),
        join(&ann, "d")
    );
    let answers = received(&mut ann);
    assert_eq!(answers.len(), 4, "{answers:?}");

    let Value::String(last) = who(&mut ann).await["room"].take() else {
        panic!("no room");
    };
    for (room, watcher) in &mut watchers {
        let messages = received(watcher);
        let arrivals = messages.iter().filter(|m| m["type"] == "joined").count();
        let departures = messages.iter().filter(|m| m["type"] == "left").count();
        let is_there = *room == last;
        let was_there = *room == "tea";
        assert_eq!(
            usize::from(was_there) + arrivals,
            departures + usize::from(is_there),
            "{room}: {messages:?}"
        );
        let users = who(watcher).await["users"].take();
        let expected = if is_there {
            json!(["ann", "watcher"])
        } else {
            json!(["watcher"])
        };
        assert_eq!(users, expected, "{room}");
    }
}

#[tokio::test]
async fn a_list_contains_each_user_of_the_room_once_and_is_sorted() {
    let gateway = chat();
    let _phone = enter(&gateway, "bob", "tea").await;
    let _laptop = enter(&gateway, "bob", "tea").await;
    let _eve = enter(&gateway, "eve", "coffee").await;
    let mut ann = enter(&gateway, "ann", "tea").await;
    let _zoe = enter(&gateway, "Zoe", "tea").await;
    received(&mut ann);
    assert_eq!(who(&mut ann).await, members("tea", &["Zoe", "ann", "bob"]));
}

#[tokio::test]
async fn fault_m3_a_list_contains_at_most_100_users_and_a_flag_for_more() {
    let gateway = chat();
    let users: Vec<_> = (0..101).map(|n| format!("user{n:03}")).collect();
    let mut clients = Vec::new();
    for user in &users[..100] {
        clients.push(enter(&gateway, user, "tea").await);
    }
    received(&mut clients[0]);
    assert_eq!(who(&mut clients[0]).await["more"], Value::Null);
    let _last = enter(&gateway, &users[100], "tea").await;
    received(&mut clients[0]);
    let list = who(&mut clients[0]).await;
    assert_eq!(list["users"], json!(users[..100]));
    assert_eq!(list["more"], true);
}

#[tokio::test]
async fn a_user_with_two_tabs_joins_and_leaves_once() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let tab = enter(&gateway, "bob", "tea").await;
    let other = enter(&gateway, "bob", "tea").await;
    assert_eq!(received(&mut ann), [joined("bob", "tea")]);
    tab.close().await;
    assert_eq!(received(&mut ann), nothing());
    other.close().await;
    assert_eq!(received(&mut ann), [left("bob", "tea")]);
}

#[tokio::test]
async fn a_direct_message_reaches_every_connection_of_its_user_in_any_room() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let mut phone = enter(&gateway, "bob", "coffee").await;
    let mut laptop = enter(&gateway, "bob", "lobby").await;
    let mut eve = enter(&gateway, "eve", "tea").await;
    received(&mut ann);
    direct(&ann, "bob", "psst").await;
    let psst = json!({"type": "direct", "user": "ann", "text": "psst"});
    for client in [&mut phone, &mut laptop] {
        assert_eq!(received(client), std::slice::from_ref(&psst));
    }
    for client in [&mut ann, &mut eve] {
        assert_eq!(received(client), nothing());
    }
    direct(&ann, "ann", "note").await;
    assert_eq!(received(&mut ann)[0]["text"], "note");
}

#[tokio::test]
async fn a_direct_message_reaches_a_user_that_has_a_live_and_a_lost_connection() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    enter(&gateway, "bob", "coffee").await.drop_silently();
    let mut bob = enter(&gateway, "bob", "cocoa").await;
    direct(&ann, "bob", "psst").await;
    assert_eq!(received(&mut bob).len(), 1);
    assert_eq!(received(&mut ann), nothing());
}

#[tokio::test]
async fn a_disconnect_is_announced_to_the_remaining_clients_of_the_room() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let bob = enter(&gateway, "bob", "tea").await;
    let mut eve = enter(&gateway, "eve", "coffee").await;
    received(&mut ann);
    bob.close().await;
    assert_eq!(received(&mut ann), [left("bob", "tea")]);
    assert_eq!(received(&mut eve), nothing());
    assert_eq!(who(&mut ann).await, members("tea", &["ann"]));
}

#[tokio::test]
async fn a_client_that_is_idle_for_ten_minutes_leaves() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let bob = enter(&gateway, "bob", "tea").await;
    gateway.advance(Duration::from_secs(9 * 60)).await;
    received(&mut ann);
    who(&mut ann).await;
    gateway.advance(Duration::from_secs(60)).await;
    assert_eq!(bob.closed(), Some((1001, "Going away")));
    assert_eq!(received(&mut ann), [left("bob", "tea")]);
}

#[tokio::test]
async fn a_lost_connection_is_removed_from_its_room_by_the_next_message() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    enter(&gateway, "bob", "tea").await.drop_silently();
    gateway.advance(Duration::from_secs(60)).await;
    received(&mut ann);
    assert_eq!(who(&mut ann).await, members("tea", &["ann", "bob"]));
    say(&ann, "bob?").await;
    received(&mut ann);
    assert_eq!(who(&mut ann).await, members("tea", &["ann"]));
}

#[tokio::test]
async fn the_chat_accepts_its_sub_protocol_if_a_client_offers_it() {
    let gateway = chat();
    let offer = gateway
        .request("/?user=ann")
        .protocol("chat.v9")
        .protocol("chat.v1");
    assert_eq!(offer.connect().await.unwrap().protocol(), Some("chat.v1"));
    let none = gateway.connect("/?user=ann").await.unwrap();
    assert_eq!(none.protocol(), None);
}
