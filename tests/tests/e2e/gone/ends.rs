//! Connections that have ended, and how much of that is believed.

use super::bench::{Bench, OLD, counts};
use lambda_ws::store::{Scope, Store};
use lambda_ws::{SendError, Timestamp};
use lambda_ws_local::activity::OperationKind::{Inspect, Post};
use std::slice::from_ref;
use tests::within;

#[tokio::test]
async fn a_gone_connection_leaves_its_rooms_and_its_record_waits_for_disconnect() {
    let mut bench = Bench::new().await;
    let live = bench.member(OLD).await;
    let id = bench.stranger().await;
    let mut record = Bench::record(&id, OLD);
    record.rooms.insert("tea".to_owned());
    record.user = Some("ann".to_owned());
    record.session = Some(r#"{"cups":2}"#.to_owned());
    bench.register(record.clone()).await;
    bench.end(&id).await;

    let delivery = bench.room().send("hello").await.unwrap();
    assert_eq!(counts(&delivery), [1, 1, 0, 0]);
    let calls = [(Post, 410), (Post, 410), (Inspect, 410)];
    assert_eq!(bench.calls(&id), calls);
    assert!(bench.is_marked(&id).await);
    assert_eq!(bench.in_room().await, from_ref(&live));
    assert_eq!(bench.in_scope(Scope::Room("tea".to_owned())).await, []);
    assert_eq!(bench.in_scope(Scope::User("ann".to_owned())).await, []);
    assert_eq!(bench.in_scope(Scope::Everyone).await, [live]);
    for nobody in [bench.sender.room("tea"), bench.sender.user("ann")] {
        assert_eq!(counts(&nobody.send("lost").await.unwrap()), [0; 4]);
    }
    assert_eq!(bench.calls(&id), calls, "it is not asked again");

    let removed = bench.store.remove(&id, record.at).await.unwrap();
    let removed = removed.expect("its $disconnect still has its record");
    assert!(removed.gone);
    assert_eq!(removed.user, record.user);
    assert_eq!(removed.rooms, record.rooms);
    assert_eq!(removed.session, record.session);
    assert_eq!(bench.store.remove(&id, record.at).await.unwrap(), None);
    bench.all_heard("hello").await;
}

#[tokio::test]
async fn a_connection_of_another_api_is_not_reached_here_and_is_not_marked() {
    let mut bench = Bench::new().await;
    let id = bench.stranger().await;
    let mut record = Bench::record(&id, OLD);
    record.api = "abcd1234/prod".to_owned();
    bench.register(record).await;
    bench.end(&id).await;

    let delivery = bench.room().send("lost").await.unwrap();
    assert_eq!(counts(&delivery), [0, 0, 0, 1]);
    let sent = bench.sender.send(&id, "lost").await;
    let other = matches!(&sent, Err(SendError::OtherStage { api }) if api == "abcd1234/prod");
    assert!(other, "{sent:?}");
    assert!(!bench.is_marked(&id).await);
    assert_eq!(bench.in_room().await, [id]);
    bench.stop().await;
}

#[tokio::test]
async fn a_member_without_a_record_is_forgotten() {
    let mut bench = Bench::new().await;
    let live = bench.member(OLD).await;
    let id = bench.stranger().await;
    let mut record = Bench::record(&id, OLD);
    // The record has expired, and left its place in a room behind, which is kept for longer.
    let expires = record.expires;
    record.expires = record.at;
    record.rooms.clear();
    bench.register(record.clone()).await;
    let joined = bench.store.join(&id, record.at, "tea", expires);
    joined.await.unwrap();
    let found = bench.store.record(&id, Timestamp::now()).await.unwrap();
    assert_eq!(found, None);
    let tea = Scope::Room("tea".to_owned());
    assert_eq!(bench.in_scope(tea.clone()).await, from_ref(&id));
    bench.end(&id).await;

    let delivery = bench.sender.room("tea").send("lost").await.unwrap();
    assert_eq!(counts(&delivery), [0, 1, 0, 0]);
    assert_eq!(bench.in_scope(tea).await, []);
    assert_eq!(bench.in_room().await, [live]);
    bench.stop().await;
}

/// Ends so many of those in a room, tells the room, and counts who is left in it.
async fn left(reached: usize, gone: usize) -> usize {
    let mut bench = Bench::new().await;
    let ids = bench.members(reached, OLD).await;
    for id in &ids[..gone] {
        bench.end(id).await;
    }
    let delivery = bench.room().send("hello").await.unwrap();
    assert_eq!(counts(&delivery), [reached - gone, gone, 0, 0]);
    let left = bench.in_room().await;
    for id in &ids {
        assert_eq!(bench.is_marked(id).await, !left.contains(id));
    }
    bench.all_heard("hello").await;
    left.len()
}

#[tokio::test]
async fn when_all_of_twenty_are_gone_the_endpoint_is_suspected_and_none_removed() {
    assert_eq!(left(20, 20).await, 20);
}

#[tokio::test]
async fn fault_m2_when_most_of_fifty_are_gone_they_are_removed() {
    assert_eq!(left(50, 30).await, 20);
}

#[tokio::test]
async fn when_all_of_nineteen_are_gone_they_are_removed() {
    assert_eq!(left(19, 19).await, 0);
}

#[tokio::test]
async fn an_invalid_id_is_gone() {
    let mut bench = Bench::new().await;
    let live = bench.member(OLD).await;
    let never = "never".into();
    bench.register(Bench::record(&never, OLD)).await;
    let delivery = bench.room().send("hello").await.unwrap();
    assert_eq!(counts(&delivery), [1, 1, 0, 0]);
    let calls = [(Post, 400), (Post, 400), (Inspect, 400)];
    assert_eq!(bench.calls(&never), calls);
    assert!(bench.is_marked(&never).await);
    assert_eq!(bench.in_room().await, [live]);

    let sent = bench.sender.send(&"nor this".into(), "lost").await;
    assert!(matches!(sent, Err(SendError::Gone)), "{sent:?}");
    bench.all_heard("hello").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_m1_every_client_is_closed_though_one_close_in_twenty_gets_a_false_410() {
    const CLIENTS: usize = 400;
    let (mut bench, _) = Bench::with_false_410s(20).await;
    let ids = bench.members(CLIENTS, OLD).await;
    let delivery = bench.room().close().await.unwrap();
    assert_eq!(counts(&delivery), [CLIENTS, 0, 0, 0]);
    let repeated = ids.iter().filter(|id| bench.calls(id).len() > 1).count();
    assert!(repeated > 5, "{repeated} closes were repeated");
    for (_, client) in bench.clients.drain() {
        let closed = within("a close", client.all_texts()).await;
        assert_eq!(closed, [""; 0]);
    }
    bench.stop().await;
}
