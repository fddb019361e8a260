//! The marks of clients that were seen.

use super::world::{BEGINNING, SECOND, World};
use super::*;
use crate::{Channels, ConnectionId};
use futures_util::TryStreamExt;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::sleep;

const INTERVAL: Duration = Duration::from_secs(300);

fn router() -> Router {
    async fn who(User(user): User) -> String {
        user
    }
    let quiet = Router::new().route("quiet", async || {});
    quiet.route("who", who).channels(Channels::new())
}

/// The requests of a message that marks, after a read of the record or without one.
fn marks(reads: usize) -> BTreeMap<&'static str, usize> {
    let reads = ("record", reads);
    BTreeMap::from_iter(
        [reads, ("mark_seen", 1)]
            .into_iter()
            .filter(|(_, count)| *count > 0),
    )
}

impl World {
    async fn seen(&self, id: &ConnectionId) -> Duration {
        let record = Store::record(&self.store, id, BEGINNING).await.unwrap();
        record.unwrap().last_seen() - BEGINNING
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_marked_once_per_interval_by_all_processes() {
    let world = World::new();
    let processes = [(); 2].map(|()| world.serves(router().last_seen(INTERVAL)));
    let ann = world.client("ann").await;
    let quiet = json!({"action": "quiet"});
    // The opening of the connection counts.
    sleep(INTERVAL - SECOND).await;
    assert!(
        world
            .sends(&processes[0], &ann, quiet.clone())
            .await
            .is_empty()
    );
    let mut last = Duration::ZERO;
    for interval in 1..5_u32 {
        sleep(INTERVAL * interval + SECOND - world.began.elapsed()).await;
        let requests = world.sends(&processes[0], &ann, quiet.clone()).await;
        assert_eq!(requests, marks(1));
        last = world.began.elapsed();
        sleep(SECOND).await;
        // Another process reads the mark once. `$ping` has read the record anyway.
        let ping = json!({"action": "$ping"});
        for expected in [&[("record", 1)][..], &[("record", 1)]] {
            let requests = world.sends(&processes[1], &ann, ping.clone()).await;
            assert_eq!(requests, expected.iter().copied().collect());
        }
        for process in &processes {
            assert!(world.sends(process, &ann, quiet.clone()).await.is_empty());
        }
        assert_eq!(world.seen(&ann).await, last);
    }
    assert!(last > INTERVAL * 4);
}

#[tokio::test(start_paused = true)]
async fn a_ping_marks_without_another_read() {
    let world = World::new();
    let dispatcher = world.serves(router().last_seen(INTERVAL));
    let ann = world.client("ann").await;
    sleep(INTERVAL).await;
    let requests = world
        .sends(&dispatcher, &ann, json!({"action": "$ping"}))
        .await;
    assert_eq!(requests, marks(1));
    // A connection that has ended is not marked.
    let bob = ConnectionId::from("bob");
    let requests = world
        .sends(&dispatcher, &bob, json!({"action": "quiet"}))
        .await;
    assert_eq!(requests, BTreeMap::from([("record", 1)]));
}

#[tokio::test(start_paused = true)]
async fn without_an_interval_no_message_is_marked() {
    let world = World::new();
    let dispatcher = world.serves(router());
    let ann = world.client("ann").await;
    sleep(INTERVAL * 3).await;
    assert!(
        world
            .sends(&dispatcher, &ann, json!({"action": "quiet"}))
            .await
            .is_empty()
    );
    assert_eq!(world.seen(&ann).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_fails_is_stored_in_the_next_interval() {
    let world = World::new();
    let store = InterceptedStore {
        store: world.store.clone(),
        before: |name: &str| -> BoxFuture<'static, Result<(), StoreError>> {
            let failed = || Err(StoreError::Unavailable("throttled".into()));
            Box::pin(std::future::ready(match name {
                "mark_seen" => failed(),
                _ => Ok(()),
            }))
        },
    };
    let transports = Transports::one(Arc::new(world.clone()));
    let backend = Backend::new(Arc::new(store), transports).with_clock(world.clone());
    let process = Dispatcher::new(router().last_seen(INTERVAL), backend);
    let ann = world.client("ann").await;
    sleep(INTERVAL).await;
    world
        .sends(&process, &ann, json!({"action": "quiet"}))
        .await;
    assert_eq!(world.seen(&ann).await, Duration::ZERO);
    let other = world.serves(router().last_seen(INTERVAL));
    world.sends(&other, &ann, json!({"action": "quiet"})).await;
    assert_eq!(world.seen(&ann).await, INTERVAL);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_user_is_the_newest_of_all_connections() {
    let world = World::new();
    for (id, seen) in [("phone", 60), ("laptop", 90), ("tablet", 30)] {
        let mut record = Record::new(id.into(), BEGINNING, "a1b2c3d4e5/dev", BEGINNING);
        record.user = Some("ann".to_owned());
        record.seen = Some(BEGINNING + SECOND * seen);
        Store::register(&world.store, &record).await.unwrap();
    }
    let sender = world.backend().sender().unwrap();
    let seen = sender.user("ann").last_seen().await.unwrap();
    assert_eq!(seen, Some(BEGINNING + SECOND * 90));
    assert_eq!(sender.user("bob").last_seen().await.unwrap(), None);
    let old = sender.everyone().records();
    let old = old.try_filter(|one| std::future::ready(one.last_seen() < BEGINNING + SECOND * 45));
    let old: Vec<_> = old.map_ok(|one| one.id).try_collect().await.unwrap();
    assert_eq!(old, [ConnectionId::from("tablet")]);
}

#[test]
#[should_panic(expected = "the interval 59s of `last_seen` is too short")]
fn a_short_interval_is_rejected() {
    let _: Router = Router::new().last_seen(Duration::from_secs(59));
}
