//! Tests of presences with concurrent connections of a user.

use super::{ChangeKind, PendingChange, PendingShard, PresenceLedger, Shard, Users, namespace};
use crate::clock::Clock;
use crate::store::{DynStore, InterceptedStore, KeyValueStore, Memory, Record, Store, StoreError};
use crate::{ConnectionId, Timestamp};
use futures_util::future::BoxFuture;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_secs(1_767_607_440);

#[derive(Clone, Copy)]
struct Now(Timestamp);

impl Clock for Now {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn kept<'a>(store: &'a dyn DynStore, clock: &'a Now) -> PresenceLedger<'a> {
    PresenceLedger { store, clock }
}

fn record(id: &str) -> Record {
    let mut record = Record::new(id.into(), NOW, "api/test", NOW);
    record.user = Some("ann".to_owned());
    record.rooms.insert("tea".to_owned());
    record
}

/// Removes ann from rooms and returns the rooms that she left.
async fn leave(kept: PresenceLedger<'_>, rooms: &[&str]) -> (Vec<String>, Result<(), StoreError>) {
    let rooms = rooms.iter().map(|room| room.to_string()).collect();
    let users = Users::from([("ann".to_owned(), rooms)]);
    let mut left = BTreeMap::new();
    let done = kept.leave(users, &mut left).await;
    let only_ann = |users: &BTreeMap<String, u64>| users.keys().eq(["ann"]);
    assert!(left.values().all(only_ann), "{left:?}");
    (left.into_keys().collect(), done)
}

/// The events, in order.
#[derive(Debug, Clone, PartialEq)]
enum Said {
    /// A connection is a member, and has touched the presence.
    Here(usize),
    /// A connection is about to leave the room.
    Going(usize),
    Joined,
    Left,
}

/// A store that yields before each of its operations: each poll is one operation.
fn turns(store: Memory) -> Arc<dyn DynStore> {
    Arc::new(InterceptedStore {
        store,
        before: |_: &str| -> BoxFuture<'static, Result<(), StoreError>> {
            let mut is_first = true;
            Box::pin(std::future::poll_fn(move |context| {
                if std::mem::replace(&mut is_first, false) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(()))
            }))
        },
    })
}

/// A connection that joins and may leave.
async fn life(store: Arc<dyn DynStore>, number: usize, goes: bool, said: Arc<Mutex<Vec<Said>>>) {
    let (clock, said) = (Now(NOW), |what| said.lock().unwrap().push(what));
    let record = record(&format!("c{number}"));
    store.register(&record).await.unwrap();
    if kept(&*store, &clock).touch("tea", "ann").await.unwrap() {
        said(Said::Joined);
    }
    said(Said::Here(number));
    // New data is no news of joins and departures.
    if number % 2 == 1 {
        let data = super::encode(&number).unwrap();
        let set = kept(&*store, &clock).set_data("tea", "ann", &data).await;
        assert_ne!(set.unwrap(), super::Write::Absent);
    }
    if !goes {
        return;
    }
    said(Said::Going(number));
    store.remove(&record.id, record.at).await.unwrap();
    let (left, done) = leave(kept(&*store, &clock), &["tea"]).await;
    done.unwrap();
    for room in left {
        assert_eq!(room, "tea");
        said(Said::Left);
    }
}

/// Runs connections in the order of a schedule of turns.
fn run(goes: &[bool], schedule: &[usize]) -> (Memory, Vec<Said>) {
    let (store, said) = (Memory::new(), Arc::default());
    let remote = turns(store.clone());
    let mut lives: Vec<Option<BoxFuture<'_, ()>>> = goes
        .iter()
        .enumerate()
        .map(|(number, goes)| {
            let life = life(remote.clone(), number, *goes, Arc::clone(&said));
            Some(Box::pin(life) as BoxFuture<'_, ()>)
        })
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    let all = 0..lives.len();
    let mut turns = schedule.iter().copied().chain(all.cycle());
    while lives.iter().any(Option::is_some) {
        let turn = turns.next().expect("it never ends") % goes.len();
        if let Some(life) = &mut lives[turn]
            && life.as_mut().poll(&mut context).is_ready()
        {
            lives[turn] = None;
        }
    }
    drop(lives);
    let said = said.lock().unwrap().clone();
    (store, said)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn joined_and_left_alternate_and_tell_the_truth_in_any_order(
        goes in prop::collection::vec(any::<bool>(), 1..5),
        // The schedule repeats a connection, so that it overtakes others in the middle.
        schedule in prop::collection::vec((0..5_usize, 1..9_usize), 0..16),
    ) {
        let turns = schedule.iter().flat_map(|(who, count)| std::iter::repeat_n(*who, *count));
        let (store, said) = run(&goes, &turns.collect::<Vec<_>>());
        let (mut present, mut here) = (false, std::collections::BTreeSet::new());
        for what in &said {
            match what {
                Said::Here(number) => {
                    prop_assert!(present, "{number} is here and nobody was told: {:?}", said);
                    here.insert(number);
                }
                Said::Going(number) => {
                    here.remove(number);
                }
                Said::Joined => prop_assert!(!std::mem::replace(&mut present, true), "{:?}", said),
                Said::Left => {
                    prop_assert!(std::mem::replace(&mut present, false), "{:?}", said);
                    prop_assert!(here.is_empty(), "{:?} are still there: {:?}", here, said);
                }
            }
        }
        prop_assert_eq!(present, goes.iter().any(|goes| !goes), "{:?}", said);
        let value = futures_util::FutureExt::now_or_never(KeyValueStore::read(&store, &namespace("tea"), "ann", NOW));
        prop_assert_eq!(value.unwrap().unwrap().is_some(), present);
    }
}

#[tokio::test]
async fn a_presence_outlives_the_connection_that_touched_it_last_and_no_more() {
    let (store, clock) = (Memory::new(), Now(NOW));
    assert!(kept(&store, &clock).touch("tea", "ann").await.unwrap());
    let connection = record("ann").expires;
    let value = KeyValueStore::read(&store, &namespace("tea"), "ann", NOW).await;
    assert_eq!(value.unwrap().unwrap().expires, Some(connection));
    assert!(!kept(&store, &clock).touch("tea", "ann").await.unwrap());
    let later = Now(connection);
    assert!(kept(&store, &later).touch("tea", "ann").await.unwrap());
}

#[tokio::test]
async fn rooms_and_users_with_the_longest_names_have_presences() {
    let (room, user) = ("r".repeat(256), "u".repeat(256));
    let (store, clock) = (Memory::new(), Now(NOW));
    assert!(namespace(&room).len() <= 260);
    assert!(kept(&store, &clock).touch(&room, &user).await.unwrap());
    let mut left = BTreeMap::new();
    let users = Users::from([(user.clone(), BTreeSet::from([room.clone()]))]);
    kept(&store, &clock).leave(users, &mut left).await.unwrap();
    assert!(left[&room].contains_key(&user));
    kept(&store, &clock).forget(left).await;
    let keys = KeyValueStore::keys(&store, &namespace(&room), "", None, Timestamp::default()).await;
    assert_eq!(keys.unwrap().keys, [""; 0], "nothing is left of it");
}

#[tokio::test]
async fn a_gone_or_expired_connection_keeps_no_user_present() {
    let (store, clock) = (Memory::new(), Now(NOW));
    let marked = record("marked");
    Store::register(&store, &marked).await.unwrap();
    let result = Store::mark_gone(&store, &marked.id, marked.at).await;
    result.unwrap();
    let mut expired = record("expired");
    expired.expires = NOW;
    Store::register(&store, &expired).await.unwrap();
    let kept = kept(&store, &clock);
    kept.touch("tea", "ann").await.unwrap();
    let (left, done) = leave(kept, &["tea", "milk"]).await;
    done.unwrap();
    assert_eq!(left, ["tea"]);
}

#[tokio::test]
async fn known_departures_are_returned_although_the_store_fails_for_others() {
    let (store, clock) = (Memory::new(), Now(NOW));
    for room in ["a", "b", "c"] {
        kept(&store, &clock).touch(room, "ann").await.unwrap();
    }
    let writes = Mutex::new(0);
    let failing = InterceptedStore {
        store: store.clone(),
        before: move |name: &str| -> BoxFuture<'static, Result<(), StoreError>> {
            let mut writes = writes.lock().unwrap();
            *writes += usize::from(name == "replace_value");
            let fails = name == "replace_value" && *writes == 2;
            let done = if fails {
                Err(StoreError::unavailable("on fire"))
            } else {
                Ok(())
            };
            Box::pin(std::future::ready(done))
        },
    };
    let (left, failed) = leave(kept(&failing, &clock), &["a", "b", "c"]).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))));
    assert_eq!(left.len(), 2);
}

fn pending<'a>(store: &'a dyn DynStore, clock: &'a Now) -> PendingShard<'a> {
    let shard = Shard::of(ChangeKind::Left, "tea");
    PendingShard {
        store,
        clock,
        shard,
    }
}

#[tokio::test]
async fn many_departures_are_stored_in_batches_and_none_is_lost() {
    let (store, clock) = (Memory::new(), Now(NOW));
    let departures: Vec<_> = (0..300)
        .map(|number| PendingChange {
            id: ConnectionId::from(format!("c{number}")),
            at: NOW,
            api: None,
            user: format!("u{number}"),
            rooms: (0..number % 100 + 1)
                .map(|room| format!("{room:0256}"))
                .collect(),
        })
        .collect();
    let pending = pending(&store, &clock);
    pending.add(NOW, &departures).await.unwrap();
    let (batches, more) = pending.batches(None).await.unwrap();
    assert_eq!(more, None);
    assert!((100..300).contains(&batches.len()), "{}", batches.len());
    let keys: Vec<_> = batches.iter().map(|(key, _)| key.clone()).collect();
    let stored = batches.into_iter().flat_map(|(_, batch)| batch.changes);
    let mut stored: Vec<_> = stored.collect();
    stored.sort_by_key(|change| change.id.as_str()[1..].parse::<usize>().unwrap());
    assert_eq!(stored, departures);
    pending.discard(&keys).await.unwrap();
    assert!(pending.batches(None).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn the_first_of_several_requests_queues_the_sweep_until_it_is_withdrawn_or_late() {
    let (store, clock) = (Memory::new(), Now(NOW));
    let due = NOW + Duration::from_secs(5);
    let first = pending(&store, &clock);
    assert_eq!(first.request(due).await.unwrap(), None);
    let later = due + Duration::from_secs(1);
    assert_eq!(first.request(later).await.unwrap(), Some(due));
    first.withdraw_request().await.unwrap();
    assert_eq!(first.request(due).await.unwrap(), None);
    let late = Now(due + Duration::from_secs(61));
    let late = PendingShard {
        clock: &late,
        ..first
    };
    assert_eq!(late.request(later).await.unwrap(), None);
}

#[test]
fn fault_l6_a_room_uses_few_shards_and_each_is_a_partition_of_its_own() {
    let shards = |room: &str| -> BTreeSet<Shard> {
        (0..1000)
            .map(|_| Shard::of(ChangeKind::Left, room))
            .collect()
    };
    assert_eq!(shards("tea").len(), 4);
    let rooms = (0..1000).flat_map(|room| shards(&format!("room {room}")));
    assert_eq!(rooms.collect::<BTreeSet<_>>().len(), 16);
}
