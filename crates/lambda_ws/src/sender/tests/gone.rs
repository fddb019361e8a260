//! Connections that are gone: their removal, and the proof of the endpoint.

use super::*;
use Reply::Gone;

#[tokio::test]
async fn a_member_without_a_record_is_forgotten() {
    let bench = Bench::new();
    let id = bench.member("ann", OLD).await;
    bench.member("bob", OLD).await;
    orphan(&bench, &id).await;
    bench.script.tell(&id, &[Gone]);
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!((delivery.sent, delivery.gone), (1, 1));
    assert_eq!(bench.members().await, ["bob".into()]);
}

#[tokio::test]
async fn a_member_that_a_removal_left_behind_is_forgotten() {
    let bench = Bench::new();
    let id = bench.member("ann", OLD).await;
    let record = bench.store.record(&id, NOW).await.unwrap().unwrap();
    bench.store.mark_gone(&id, record.at).await.unwrap();
    bench
        .store
        .add_member(&Scope::Room("tea".to_owned()), &record);
    assert_eq!(bench.members().await, std::slice::from_ref(&id));
    bench.script.tell(&id, &[Gone]);
    bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!(bench.members().await, []);
}

/// Adds a member without a record.
#[tokio::test]
async fn fault_m2_gone_members_are_removed_unless_nothing_proves_the_endpoint() {
    for (reached, gone, left) in [
        (20, 11, 9),
        (50, 30, 20),
        (20, 20, 20),
        (19, 19, 0),
        (60, 59, 1),
    ] {
        let bench = Bench::new();
        for id in &crowd(&bench, reached).await[..gone] {
            bench.script.tell(id, &[Gone]);
        }
        let delivery = bench.sender.room("tea").send("hello").await.unwrap();
        assert_eq!((delivery.gone, delivery.audience()), (gone, reached));
        assert_eq!(bench.members().await.len(), left, "{gone} of {reached}");
    }
}

#[tokio::test]
async fn fault_h3_an_endpoint_that_has_reached_a_connection_is_not_suspected() {
    let bench = Bench::new();
    let ids = crowd(&bench, 41).await;
    ids[..40]
        .iter()
        .for_each(|id| bench.script.tell(id, &[Gone]));
    bench.sender.send(&ids[40], "hello").await.unwrap();
    let room = bench.sender.room("tea").except(&ids[40]);
    assert_eq!(room.send("hello").await.unwrap().gone, 40);
    assert_eq!(bench.members().await, [ids[40].clone()]);
}

#[tokio::test]
async fn fault_h3_the_connection_of_the_event_proves_the_endpoint() {
    let bench = Bench::with(|inner| inner.origin = EventOrigin::Connected("ann".into()));
    let ids = crowd(&bench, 40).await;
    ids.iter().for_each(|id| bench.script.tell(id, &[Gone]));
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!(delivery.gone, 40);
    assert_eq!(bench.members().await, []);
}

#[tokio::test]
async fn fault_l4_the_api_of_an_endpoint_is_learned_from_the_members_that_it_reaches() {
    let bench = Bench::with(|inner| inner.api = None);
    let ids = crowd(&bench, 3).await;
    bench.script.tell(&ids[0], &[Gone]);
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!((delivery.sent, delivery.gone), (2, 1));
    assert_eq!(bench.members().await, ids[1..]);
}

#[tokio::test]
async fn fault_h3_a_connection_that_ended_is_neither_posted_to_nor_confirmed() {
    let bench = Bench::new();
    let ids = crowd(&bench, 3).await;
    bench.sender.0.gone.remember(&ids[0], NOW);
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!((delivery.sent, delivery.gone), (2, 1));
    assert_eq!(bench.script.posts(), 2);
    let result = bench.sender.send(&ids[0], "hello").await;
    assert!(matches!(result, Err(SendError::Gone)));
    // A connection that another process removed or marked is confirmed by its record.
    orphan(&bench, &ids[1]).await;
    bench.script.tell(&ids[1], &[Gone]);
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!((delivery.sent, delivery.gone), (1, 2));
    assert_eq!(bench.script.posts(), 4, "no post is repeated");
}

#[tokio::test(start_paused = true)]
async fn gone_connections_are_removed_while_others_are_sent_to() {
    let bench = Bench::new();
    let ids = crowd(&bench, 2000).await;
    for id in &ids[..900] {
        bench.script.tell(id, &[Gone]);
    }
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!((delivery.sent, delivery.gone), (1100, 900));
    let left = bench.members().await.len();
    assert!(left >= 1000, "a page at least: {left}");
    let everyone = bench.sender.everyone().send("again").await.unwrap();
    assert_eq!(everyone.sent, 1100);
    assert!(everyone.gone < 100, "{}", everyone.gone);
}

#[tokio::test]
async fn a_connection_that_ends_while_it_is_registered_leaves_no_record() {
    let bench = Bench::new();
    let ann = ConnectionId::from("ann");
    bench.script.tell(&ann, &[Reply::Sent, Reply::Gone]);
    let result = bench.sender.register(&ann, Some("ann"), ["tea"]).await;
    assert!(matches!(result, Err(SendError::Gone)), "{result:?}");
    assert!(bench.members().await.is_empty());
    assert_eq!(bench.store.record(&ann, NOW).await.unwrap(), None);
}
