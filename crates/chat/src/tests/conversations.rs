//! What happens when everybody does as expected.

use super::*;
use std::time::Duration;

#[tokio::test]
async fn everybody_else_in_the_room_hears_who_joins() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    let mut eve = enters(&gateway, "eve", "coffee").await;
    let mut bob = enters(&gateway, "bob", "tea").await;
    assert_eq!(heard(&mut ann), [joined("bob", "tea")]);
    assert_eq!(heard(&mut bob), nothing());
    assert_eq!(heard(&mut eve), nothing());
}

#[tokio::test]
async fn a_newcomer_is_welcomed_with_the_users_of_the_room() {
    let gateway = chat();
    let _bob = enters(&gateway, "bob", "tea").await;
    let _eve = enters(&gateway, "eve", "coffee").await;
    let mut ann = gateway.connect("/?user=ann&room=tea").await.unwrap();
    let welcome: Value = ann.recv_json().await;
    let users = ["ann", "bob"];
    assert_eq!(
        welcome,
        json!({"type": "welcome", "user": "ann", "room": "tea", "users": users})
    );
    assert_eq!(heard(&mut ann), nothing());
}

#[tokio::test]
async fn many_may_enter_at_once_and_all_are_there() {
    let gateway = chat();
    let users: Vec<_> = (0..20).map(|n| format!("user{n:02}")).collect();
    let entering = users.iter().map(|user| enters(&gateway, user, "tea"));
    let mut clients = futures_util::future::join_all(entering).await;
    for client in &mut clients {
        heard(client);
        let there = who(client).await;
        assert_eq!(there["users"], json!(users));
    }
    say(&clients[0], "hi").await;
    for client in &mut clients {
        assert_eq!(heard(client), [said("user00", "tea", "hi")]);
    }
}

#[tokio::test]
async fn who_names_no_room_is_in_the_lobby() {
    let gateway = chat();
    let mut ann = gateway.connect("/?user=ann").await.unwrap();
    let welcome: Value = ann.recv_json().await;
    assert_eq!(welcome["room"], "lobby");
    assert_eq!(who(&mut ann).await, members("lobby", &["ann"]));
}

#[tokio::test]
async fn a_room_hears_what_is_said_in_it_and_so_does_who_says_it() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    let mut bob = enters(&gateway, "bob", "tea").await;
    let mut eve = enters(&gateway, "eve", "coffee").await;
    heard(&mut ann);
    say(&bob, "hi \"all\" \u{1f375}").await;
    for client in [&mut ann, &mut bob] {
        assert_eq!(heard(client), [said("bob", "tea", "hi \"all\" \u{1f375}")]);
    }
    assert_eq!(heard(&mut eve), nothing());
}

#[tokio::test]
async fn four_thousand_characters_are_a_text_whatever_their_bytes() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    let text = "ü".repeat(4000);
    say(&ann, &text).await;
    assert_eq!(heard(&mut ann), [said("ann", "tea", &text)]);
    say(&ann, "").await;
    assert_eq!(heard(&mut ann), [said("ann", "tea", "")]);
}

#[tokio::test]
async fn who_joins_a_room_leaves_the_old_one() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    let mut bob = enters(&gateway, "bob", "tea").await;
    let mut eve = enters(&gateway, "eve", "coffee").await;
    heard(&mut ann);
    join(&ann, "coffee").await;
    assert_eq!(heard(&mut bob), [left("ann", "tea")]);
    assert_eq!(heard(&mut eve), [joined("ann", "coffee")]);
    assert_eq!(heard(&mut ann), [entered("coffee")]);
    assert_eq!(who(&mut bob).await, members("tea", &["bob"]));
    say(&ann, "hi").await;
    assert_eq!(heard(&mut eve), [said("ann", "coffee", "hi")]);
    assert_eq!(heard(&mut bob), nothing());
}

#[tokio::test]
async fn who_joins_the_current_room_is_only_told_so() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    let mut bob = enters(&gateway, "bob", "tea").await;
    heard(&mut ann);
    join(&ann, "tea").await;
    assert_eq!(heard(&mut ann), [entered("tea")]);
    assert_eq!(heard(&mut bob), nothing());
}

#[tokio::test]
async fn two_joins_at_the_same_time_end_in_exactly_one_room() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    let mut watchers = Vec::new();
    for room in ["tea", "a", "b", "c", "d"] {
        watchers.push((room, enters(&gateway, "watcher", room).await));
    }
    heard(&mut ann);
    tokio::join!(
        join(&ann, "a"),
        join(&ann, "b"),
        join(&ann, "c"),
        join(&ann, "d")
    );
    let answers = heard(&mut ann);
    assert_eq!(answers.len(), 4, "{answers:?}");

    let Value::String(last) = who(&mut ann).await["room"].take() else {
        panic!("no room");
    };
    for (room, watcher) in &mut watchers {
        let there = heard(watcher);
        let came = there.iter().filter(|m| m["type"] == "joined").count();
        let went = there.iter().filter(|m| m["type"] == "left").count();
        let is_there = *room == last;
        let was_there = *room == "tea";
        assert_eq!(
            usize::from(was_there) + came,
            went + usize::from(is_there),
            "{room}: {there:?}"
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
async fn who_lists_each_user_of_the_room_once_and_sorted() {
    let gateway = chat();
    let _phone = enters(&gateway, "bob", "tea").await;
    let _laptop = enters(&gateway, "bob", "tea").await;
    let _eve = enters(&gateway, "eve", "coffee").await;
    let mut ann = enters(&gateway, "ann", "tea").await;
    let _zoe = enters(&gateway, "Zoe", "tea").await;
    heard(&mut ann);
    assert_eq!(who(&mut ann).await, members("tea", &["Zoe", "ann", "bob"]));
}

#[tokio::test]
async fn fault_m3_who_lists_at_most_a_hundred_users_and_says_that_there_are_more() {
    let gateway = chat();
    let users: Vec<_> = (0..101).map(|n| format!("user{n:03}")).collect();
    let mut clients = Vec::new();
    for user in &users[..100] {
        clients.push(enters(&gateway, user, "tea").await);
    }
    heard(&mut clients[0]);
    assert_eq!(who(&mut clients[0]).await["more"], Value::Null);
    let _last = enters(&gateway, &users[100], "tea").await;
    heard(&mut clients[0]);
    let list = who(&mut clients[0]).await;
    assert_eq!(list["users"], json!(users[..100]));
    assert_eq!(list["more"], true);
}

#[tokio::test]
async fn a_user_with_two_tabs_comes_and_leaves_once() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    let tab = enters(&gateway, "bob", "tea").await;
    let other = enters(&gateway, "bob", "tea").await;
    assert_eq!(heard(&mut ann), [joined("bob", "tea")]);
    tab.close().await;
    assert_eq!(heard(&mut ann), nothing());
    other.close().await;
    assert_eq!(heard(&mut ann), [left("bob", "tea")]);
}

#[tokio::test]
async fn a_direct_message_reaches_every_connection_of_its_user_wherever_it_is() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    let mut phone = enters(&gateway, "bob", "coffee").await;
    let mut laptop = enters(&gateway, "bob", "lobby").await;
    let mut eve = enters(&gateway, "eve", "tea").await;
    heard(&mut ann);
    direct(&ann, "bob", "psst").await;
    let psst = json!({"type": "direct", "user": "ann", "text": "psst"});
    for client in [&mut phone, &mut laptop] {
        assert_eq!(heard(client), std::slice::from_ref(&psst));
    }
    for client in [&mut ann, &mut eve] {
        assert_eq!(heard(client), nothing());
    }
    direct(&ann, "ann", "note").await;
    assert_eq!(heard(&mut ann)[0]["text"], "note");
}

#[tokio::test]
async fn a_user_with_one_live_connection_is_reached_though_another_is_lost() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    enters(&gateway, "bob", "coffee").await.drop_silently();
    let mut bob = enters(&gateway, "bob", "cocoa").await;
    direct(&ann, "bob", "psst").await;
    assert_eq!(heard(&mut bob).len(), 1);
    assert_eq!(heard(&mut ann), nothing());
}

#[tokio::test]
async fn those_who_stay_hear_who_leaves() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    let bob = enters(&gateway, "bob", "tea").await;
    let mut eve = enters(&gateway, "eve", "coffee").await;
    heard(&mut ann);
    bob.close().await;
    assert_eq!(heard(&mut ann), [left("bob", "tea")]);
    assert_eq!(heard(&mut eve), nothing());
    assert_eq!(who(&mut ann).await, members("tea", &["ann"]));
}

#[tokio::test]
async fn who_is_silent_for_ten_minutes_leaves() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    let bob = enters(&gateway, "bob", "tea").await;
    gateway.advance(Duration::from_secs(9 * 60)).await;
    heard(&mut ann);
    who(&mut ann).await;
    gateway.advance(Duration::from_secs(60)).await;
    assert_eq!(bob.closed(), Some((1001, "Going away")));
    assert_eq!(heard(&mut ann), [left("bob", "tea")]);
}

#[tokio::test]
async fn a_lost_connection_is_in_no_room_once_it_is_found_out() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    enters(&gateway, "bob", "tea").await.drop_silently();
    gateway.advance(Duration::from_secs(60)).await;
    heard(&mut ann);
    assert_eq!(who(&mut ann).await, members("tea", &["ann", "bob"]));
    say(&ann, "bob?").await;
    heard(&mut ann);
    assert_eq!(who(&mut ann).await, members("tea", &["ann"]));
}

#[tokio::test]
async fn a_client_that_offers_the_sub_protocol_gets_it() {
    let gateway = chat();
    let offer = gateway
        .request("/?user=ann")
        .protocol("chat.v9")
        .protocol("chat.v1");
    assert_eq!(offer.connect().await.unwrap().protocol(), Some("chat.v1"));
    let none = gateway.connect("/?user=ann").await.unwrap();
    assert_eq!(none.protocol(), None);
}
