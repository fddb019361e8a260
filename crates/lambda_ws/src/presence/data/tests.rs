//! Tests of concurrent changes of data.

use super::value::Write;
use super::{Stored, encode};
use crate::Timestamp;
use crate::clock::Clock;
use crate::presence::{PresenceLedger, namespace};
use crate::store::{DynStore, InterceptedStore, KeyValueStore, Memory, StoreError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::value::RawValue;
use std::sync::Mutex;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_secs(1_767_607_440);

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn ledger<'a>(store: &'a dyn DynStore, clock: &'a At) -> PresenceLedger<'a> {
    PresenceLedger { store, clock }
}

fn json(data: &str) -> Box<RawValue> {
    encode(data).unwrap()
}

async fn found(store: &Memory) -> (String, Timestamp) {
    let value = KeyValueStore::read(store, &namespace("tea"), "ann", NOW).await;
    let value = value.unwrap().unwrap().value;
    let stored = Stored::of(&value).unwrap();
    (stored.read().unwrap(), stored.at)
}

/// A store in which another process sets data between the first read and the first write of a caller.
fn raced(store: &Memory, other: &'static str, at: Timestamp) -> impl DynStore + use<> {
    let (memory, raced) = (store.clone(), Mutex::new(false));
    InterceptedStore {
        store: store.clone(),
        before: move |name: &'static str| -> BoxFuture<'static, Result<(), StoreError>> {
            let is_first = name == "replace_value"
                && !std::mem::replace(&mut *raced.lock().unwrap(), name == "replace_value");
            if is_first {
                let data = json(other);
                let written = ledger(&memory, &At(at))
                    .set_data("tea", "ann", &data)
                    .now_or_never();
                assert_eq!(written.unwrap().unwrap(), Write::Done);
            }
            Box::pin(std::future::ready(Ok(())))
        },
    }
}

async fn present() -> Memory {
    let store = Memory::new();
    assert!(ledger(&store, &At(NOW)).touch("tea", "ann").await.unwrap());
    store
}

#[tokio::test]
async fn of_two_concurrent_changes_the_one_that_began_last_wins() {
    let later = NOW + Duration::from_secs(1);
    let earlier = Timestamp::from_secs(NOW.secs() - 1);
    for (other, expected, wins) in [
        (later, Write::Outdated, "other"),
        (earlier, Write::Done, "mine"),
    ] {
        let store = present().await;
        let raced = raced(&store, "other", other);
        let written = ledger(&raced, &At(NOW))
            .set_data("tea", "ann", &json("mine"))
            .await;
        assert_eq!(written.unwrap(), expected);
        assert_eq!(found(&store).await.0, wins);
    }
}

#[tokio::test]
async fn a_later_change_wins_although_its_clock_is_behind() {
    let store = present().await;
    let ahead = At(NOW + Duration::from_secs(60));
    let first = ledger(&store, &ahead)
        .set_data("tea", "ann", &json("first"))
        .await;
    assert_eq!(first.unwrap(), Write::Done);
    let second = ledger(&store, &At(NOW))
        .set_data("tea", "ann", &json("second"))
        .await;
    assert_eq!(second.unwrap(), Write::Done);
    let (data, at) = found(&store).await;
    assert_eq!(data, "second");
    assert!(at > ahead.0, "the time increases with each change");
}

#[tokio::test]
async fn an_update_runs_again_after_a_concurrent_change() {
    let store = present().await;
    let raced = raced(&store, "other", NOW + Duration::from_secs(1));
    let change = |stored: Option<Stored<'_>>| {
        let old = stored.map(|stored| stored.read::<String>()).transpose()?;
        encode(&format!("{} and mine", old.unwrap_or_default()))
    };
    let written = ledger(&raced, &At(NOW))
        .update_data("tea", "ann", change)
        .await;
    assert_eq!(written.unwrap(), Write::Done);
    assert_eq!(found(&store).await.0, "other and mine");
}

#[tokio::test]
async fn another_connection_keeps_the_data_also_when_it_is_set_meanwhile() {
    let store = present().await;
    let raced = raced(&store, "busy", NOW);
    assert!(!ledger(&raced, &At(NOW)).touch("tea", "ann").await.unwrap());
    assert_eq!(found(&store).await.0, "busy");
    assert!(!ledger(&store, &At(NOW)).touch("tea", "ann").await.unwrap());
    assert_eq!(found(&store).await.0, "busy");
    let raced = self::raced(&store, "newer", NOW + Duration::from_secs(1));
    let data = json("connected");
    let connected = ledger(&raced, &At(NOW))
        .touch_with("tea", "ann", &data)
        .await;
    assert_eq!(connected.unwrap(), (false, false), "the newer data stays");
    assert_eq!(found(&store).await.0, "newer");
}

#[tokio::test]
async fn data_does_not_make_an_absent_user_present() {
    let store = Memory::new();
    let set = ledger(&store, &At(NOW))
        .set_data("tea", "ann", &json("busy"))
        .await;
    assert_eq!(set.unwrap(), Write::Absent);
    let value = KeyValueStore::read(&store, &namespace("tea"), "ann", NOW).await;
    assert_eq!(value.unwrap(), None);
}
