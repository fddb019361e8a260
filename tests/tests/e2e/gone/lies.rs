//! Connections that live, and are called gone.

use super::bench::{Bench, OLD, counts};
use lambda_ws::SendError;
use lambda_ws_local::activity::OperationKind::{Inspect, Post};
use lambda_ws_local::gateway::Fault::Gone;
use std::iter::{once, repeat, repeat_n};
use std::time::Duration;

const NOW: Duration = Duration::ZERO;

#[tokio::test]
async fn a_second_post_finds_a_false_410_and_the_message_arrives_once() {
    let mut bench = Bench::new().await;
    let ids = bench.members(3, OLD).await;
    bench.lie(&ids[0], once(Gone));
    let delivery = bench.room().send("hello").await.unwrap();
    assert_eq!(counts(&delivery), [3, 0, 0, 0]);
    assert_eq!(bench.calls(&ids[0]), [(Post, 410), (Post, 200)]);
    assert!(bench.pauses(&ids[0])[0] >= Duration::from_millis(250));
    assert_eq!(bench.calls(&ids[1]), [(Post, 200)]);
    assert!(!bench.is_marked(&ids[0]).await);
    assert_eq!(bench.in_room().await.len(), 3);
    bench.all_heard("hello").await;
}

#[tokio::test]
async fn a_false_410_of_a_direct_message_is_found_too() {
    let mut bench = Bench::new().await;
    let id = bench.member(OLD).await;
    bench.lie(&id, once(Gone));
    bench.sender.send(&id, "hello").await.unwrap();
    assert_eq!(bench.calls(&id), [(Post, 410), (Post, 200)]);
    assert!(!bench.is_marked(&id).await);
    assert_eq!(bench.in_room().await, [id]);
    bench.all_heard("hello").await;
}

#[tokio::test]
async fn a_look_finds_two_false_410s_and_the_message_arrives_once() {
    let mut bench = Bench::new().await;
    let ids = bench.members(2, OLD).await;
    for id in &ids {
        bench.lie(id, [Gone, Gone]);
    }
    let delivery = bench.room().send("hello").await.unwrap();
    assert_eq!(counts(&delivery), [2, 0, 0, 0]);
    for id in &ids {
        let calls = [(Post, 410), (Post, 410), (Inspect, 200), (Post, 200)];
        assert_eq!(bench.calls(id), calls);
        assert!(!bench.is_marked(id).await);
    }
    assert_eq!(bench.in_room().await.len(), 2);
    bench.all_heard("hello").await;
}

#[tokio::test]
async fn a_live_connection_with_false_410s_is_counted_as_failed_and_not_marked() {
    let mut bench = Bench::new().await;
    let id = bench.member(OLD).await;
    bench.lie(&id, repeat_n(Gone, 3));
    let delivery = bench.room().send("lost").await.unwrap();
    assert_eq!(counts(&delivery), [0, 0, 0, 1]);
    assert!(!bench.is_marked(&id).await);

    let delivery = bench.room().send("hello").await.unwrap();
    assert_eq!(counts(&delivery), [1, 0, 0, 0], "it is still asked");
    bench.all_heard("hello").await;
}

#[tokio::test]
async fn a_young_connection_is_retried_three_times_until_it_is_open() {
    let mut bench = Bench::new().await;
    let mut ids = Vec::new();
    for lies in 1..=3 {
        let id = bench.member(NOW).await;
        bench.lie(&id, repeat_n(Gone, lies));
        ids.push(id);
    }
    let delivery = bench.room().send("hello").await.unwrap();
    assert_eq!(counts(&delivery), [3, 0, 0, 0]);
    for (id, lies) in ids.iter().zip(1..) {
        let mut calls = vec![(Post, 410); lies];
        calls.push((Post, 200));
        assert_eq!(bench.calls(id), calls);
        let pauses = bench.pauses(id).into_iter().zip([50, 100, 200]);
        for (pause, least) in pauses {
            assert!(pause >= Duration::from_millis(least), "{pause:?} < {least}");
        }
        assert!(!bench.is_marked(id).await);
    }
    assert_eq!(bench.in_room().await.len(), 3);
    bench.all_heard("hello").await;
}

#[tokio::test]
async fn a_young_connection_that_stays_gone_is_not_marked() {
    let mut bench = Bench::new().await;
    let id = bench.member(NOW).await;
    bench.lie(&id, repeat(Gone));
    let delivery = bench.room().send("lost").await.unwrap();
    assert_eq!(counts(&delivery), [0, 0, 0, 1]);
    let mut calls = vec![(Post, 410); 4];
    calls.extend([(Inspect, 200), (Post, 410)]);
    assert_eq!(bench.calls(&id), calls);

    bench.end(&id).await;
    bench.register(Bench::record(&id, NOW)).await;
    let delivery = bench.room().send("lost").await.unwrap();
    assert_eq!(counts(&delivery), [0, 1, 0, 0]);
    let mut calls = vec![(Post, 410); 4];
    calls.push((Inspect, 410));
    assert_eq!(bench.calls(&id), calls);
    assert!(!bench.is_marked(&id).await);
    assert_eq!(bench.in_room().await, [id]);
    bench.stop().await;
}

#[tokio::test]
async fn a_connection_is_marked_thirty_seconds_after_it_was_asked_for_and_not_before() {
    let mut bench = Bench::new().await;
    let opening = bench.member(Duration::from_secs(15)).await;
    let ended = bench.member(Duration::from_secs(30)).await;
    for id in [&opening, &ended] {
        bench.end(id).await;
        let sent = bench.sender.send(id, "lost").await;
        assert!(matches!(sent, Err(SendError::Gone)), "{sent:?}");
    }
    assert!(!bench.is_marked(&opening).await);
    assert!(bench.is_marked(&ended).await);
    assert_eq!(bench.in_room().await, [opening]);
    bench.stop().await;
}
