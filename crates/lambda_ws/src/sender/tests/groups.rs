//! Tests of broadcasts to groups.

use super::*;
use crate::store::{InterceptedStore, StoreError};
use Reply::{Broken, Forbidden, Gone, Refused, Sent, Throttled};
use futures_util::{StreamExt, TryStreamExt};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[tokio::test]
async fn each_connection_in_the_group_gets_the_message_once() {
    let bench = Bench::new();
    let mut ids = crowd(&bench, 2500).await;
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!((delivery.sent, delivery.audience()), (2500, 2500));
    let mut posts = bench.script.0.lock().unwrap().posts.clone();
    posts.sort();
    assert_eq!(posts, ids);

    ids.retain(|id| *id != "m0007".into());
    let everyone = bench.sender.everyone().except(&"m0007".into());
    assert_eq!(everyone.send("hello").await.unwrap().sent, 2499);
    let found = bench.sender.user("m0007").send("hello").await.unwrap().sent;
    assert_eq!(found, 1);
    assert_eq!(
        bench
            .sender
            .user("tea")
            .send("hello")
            .await
            .unwrap()
            .audience(),
        0
    );
}

#[tokio::test]
async fn a_failed_recipient_does_not_stop_the_others_and_all_are_counted() {
    let bench = Bench::new();
    let ids = crowd(&bench, 30).await;
    for (id, replies) in ids.iter().zip([
        &[Gone][..],
        &[Gone, Sent],
        &[Throttled],
        &[Broken],
        &[Refused],
        &[Gone, Throttled],
        &[Throttled, Sent],
    ]) {
        bench.script.tell(id, replies);
    }
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    let counts = (
        delivery.sent,
        delivery.gone,
        delivery.throttled,
        delivery.failed,
    );
    assert_eq!(counts, (25, 1, 2, 2));
    assert_eq!(delivery.audience(), 30);
    let failures = delivery.failures.iter().map(|(id, _)| id.as_str());
    let mut failures: Vec<_> = failures.collect();
    failures.sort_unstable();
    assert_eq!(failures, ["m0002", "m0003", "m0004", "m0005"]);
    let found = bench.members().await.len();
    assert_eq!(found, 29, "only gone connections are removed");
}

#[tokio::test]
async fn only_the_first_failures_are_kept() {
    let bench = Bench::new();
    for id in crowd(&bench, 150).await {
        bench.script.tell(&id, &[Refused]);
    }
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!(delivery.failed, 150);
    assert_eq!(delivery.failures.len(), crate::Delivery::FAILURES);
}

#[tokio::test]
async fn a_403_stops_because_all_would_get_it() {
    let bench = Bench::new();
    for id in crowd(&bench, 500).await {
        bench.script.tell(&id, &[Forbidden]);
    }
    let sent = bench.sender.room("tea").send("hello").await;
    assert!(matches!(sent, Err(SendError::Forbidden { .. })), "{sent:?}");
    assert!(bench.script.posts() <= 64, "{}", bench.script.posts());
}

#[tokio::test]
async fn a_group_can_be_closed() {
    let bench = Bench::new();
    let ids = crowd(&bench, 3).await;
    bench.script.tell(&ids[0], &[Gone]);
    let result = bench.sender.room("tea").except(&ids[2]).close().await;
    let delivery = result.unwrap();
    assert_eq!((delivery.sent, delivery.gone), (1, 1));
    let mut closes = bench.script.0.lock().unwrap().closes.clone();
    closes.sort();
    let expected = [&ids[0], &ids[0], &ids[1]].map(Clone::clone);
    assert_eq!(closes, expected, "a 410 is confirmed");
}

#[tokio::test]
async fn members_and_records_can_be_read() {
    let bench = Bench::new();
    let ids = crowd(&bench, 250).await;
    let marked = bench.store.record(&ids[0], NOW).await.unwrap().unwrap();
    bench.store.mark_gone(&ids[0], marked.at).await.unwrap();
    bench
        .store
        .add_member(&Scope::Room("tea".to_owned()), &marked);
    orphan(&bench, &ids[1]).await;
    let result = bench.sender.room("tea").members().try_collect().await;
    let members: Vec<_> = result.unwrap();
    assert_eq!(members.len(), 250);
    let records = bench.sender.room("tea").except(&ids[2]).records();
    let result = records.map_ok(|r| r.user.unwrap()).try_collect().await;
    let mut users: Vec<_> = result.unwrap();
    users.sort();
    let found = users.len();
    assert_eq!(found, 247, "without the gone, the unknown and the excepted");
    assert_eq!(users[0], "m0003");
}

#[tokio::test]
async fn a_group_with_an_impossible_name_is_an_error() {
    let bench = Bench::new();
    for name in [String::new(), "x".repeat(257)] {
        for group in [bench.sender.room(&*name), bench.sender.user(&*name)] {
            let sent = group.clone().send("hello").await;
            assert!(
                matches!(sent, Err(SendError::Store(StoreError::BadName(bytes))) if bytes == name.len()),
                "{sent:?}"
            );
            assert!(group.members().try_collect::<Vec<_>>().await.is_err());
        }
    }
}

#[tokio::test]
async fn fault_m3_records_are_read_only_as_far_as_they_are_taken() {
    let (store, reads) = (Memory::new(), Arc::new(AtomicUsize::new(0)));
    let counted = reads.clone();
    let wrapped = InterceptedStore {
        store: store.clone(),
        before: move |operation: &str| -> BoxFuture<'static, Result<(), StoreError>> {
            let is_read = operation == "records";
            counted.fetch_add(usize::from(is_read), Relaxed);
            Box::pin(std::future::ready(Ok(())))
        },
    };
    let bench = Bench {
        store,
        ..Bench::with(|inner| inner.store = Arc::new(wrapped))
    };
    for n in 0..3000 {
        bench.member(&format!("m{n:05}"), OLD).await;
    }
    let first = bench.sender.room("tea").records().take(500);
    assert_eq!(first.try_collect::<Vec<_>>().await.unwrap().len(), 500);
    assert_eq!(reads.load(Relaxed), 5);
}
