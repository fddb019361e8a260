//! Tests of values.

use super::update::RETRIES;
use super::{Kv, Namespaced};
use crate::auth::Tickets;
use crate::sender::Sender;
use crate::store::{KeyValueStore, Memory, Store, StoreError, VALUE_BYTES};
use crate::testing::Gateway;
use crate::transport::LogOnly;
use crate::{Authorizer, Error, Opening, Router, Timestamp};
use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Seen(Vec<String>);

impl Namespaced for Seen {
    const NAMESPACE: &'static str = "seen";
}

fn sender(store: impl Store) -> Sender {
    Sender::new(store, LogOnly, "")
}

fn kv<T>(store: &Memory) -> Kv<T> {
    Kv::new(&sender(store.clone()), "test")
}

async fn keys<T>(kv: &Kv<T>, prefix: &str) -> Vec<String> {
    kv.keys(prefix).try_collect().await.expect("keys")
}

#[tokio::test]
async fn handlers_of_every_kind_share_the_values_of_a_type() {
    async fn see(seen: &Kv<Seen>, what: &str) -> Result<Seen, StoreError> {
        let add = |seen: Option<Seen>| {
            let mut seen = seen.map_or_else(Vec::new, |seen| seen.0);
            seen.push(what.to_owned());
            Seen(seen)
        };
        seen.update("events", add).await
    }
    async fn authorize(seen: Kv<Seen>) -> Result<crate::auth::Policy, Error> {
        see(&seen, "authorize").await?;
        Ok(crate::auth::Policy::allow("ann"))
    }
    async fn connect(_: Opening, _: Option<Authorizer<serde_json::Value>>, seen: Kv<Seen>) {
        see(&seen, "connect").await.expect("seen");
    }
    async fn disconnect(seen: Kv<Seen>) {
        see(&seen, "disconnect").await.expect("seen");
    }
    let message = async |seen: Kv<Seen>| -> Result<(), Error> {
        see(&seen, "message").await?;
        Ok(())
    };
    let router = Router::new()
        .authorize(authorize)
        .connect(connect)
        .disconnect(disconnect)
        .fallback(message);
    let gateway = Gateway::new(router).authorizer([]);
    let ann = gateway.connect("/").await.expect("accepted");
    ann.send("hello").await;
    ann.close().await;
    let seen = Kv::<Seen>::of(&gateway.sender()).get("events").await;
    let all = ["authorize", "connect", "message", "disconnect"];
    let expected = Some(Seen(all.map(str::to_owned).into()));
    assert_eq!(seen.expect("get"), expected);
}

#[tokio::test]
async fn a_value_that_is_not_of_the_type_is_named() {
    let store = Memory::new();
    let result = kv::<String>(&store).set("k", &"x".to_owned()).await;
    result.expect("set");
    let numbers = kv::<u32>(&store);
    let error = numbers.get("k").await.expect_err("it is text");
    assert_eq!(error.to_string(), "the value is not valid for this type");
    let cause = std::error::Error::source(&error).expect("a cause");
    let cause = cause.to_string();
    let expected = "`k` in the namespace `test` is not a valid `u32`: invalid type: string";
    assert!(cause.starts_with(expected), "{cause}");
    let entry = numbers.entry("k").await;
    assert!(matches!(entry, Err(StoreError::BadValue(_))), "{entry:?}");
    let updated = numbers.update("k", |_| 1).await;
    let is_expected = matches!(updated, Err(StoreError::BadValue(_)));
    assert!(is_expected, "{updated:?}");
    let kept = kv::<String>(&store).get("k").await.expect("get");
    assert_eq!(kept.as_deref(), Some("x"), "nothing is overwritten");

    numbers.set("k", &7).await.expect("whatever was there");
    assert_eq!(numbers.get("k").await.expect("get"), Some(7));
}

#[tokio::test]
async fn what_is_too_large_or_no_json_or_no_name_is_not_kept() {
    let kv = kv::<String>(&Memory::new());
    let largest = "x".repeat(VALUE_BYTES - 2);
    kv.set("k", &largest).await.expect("the largest value");
    assert_eq!(kv.get("k").await.expect("get"), Some(largest.clone()));
    let large = kv.set("k", &(largest + "x")).await;
    assert!(
        matches!(large, Err(StoreError::ValueTooLarge(bytes)) if bytes == VALUE_BYTES + 1),
        "{large:?}"
    );

    let maps = Kv::<std::collections::BTreeMap<(u8, u8), u8>>::new(&kv.sender, "maps");
    let no_json = maps.set("k", &[((1, 2), 3)].into()).await;
    let is_expected = matches!(no_json, Err(StoreError::BadValue(_)));
    assert!(is_expected, "{no_json:?}");

    let (longest, text) = ("k".repeat(256), "x".to_owned());
    kv.set(&longest, &text).await.expect("the longest key");
    for name in [String::new(), "k".repeat(257)] {
        let named = Kv::<String>::new(&kv.sender, &name);
        for (kv, key) in [(&kv, name.as_str()), (&named, "k")] {
            let is_bad =
                |error: StoreError| matches!(error, StoreError::BadName(n) if n == name.len());
            assert!(is_bad(kv.get(key).await.unwrap_err()));
            assert!(is_bad(kv.entry(key).await.unwrap_err()));
            assert!(is_bad(kv.set(key, &text).await.unwrap_err()));
            assert!(is_bad(kv.set_if(key, &text, None).await.unwrap_err()));
            assert!(is_bad(kv.update(key, |_| text.clone()).await.unwrap_err()));
            assert!(is_bad(kv.delete(key).await.unwrap_err()));
        }
        let mut of_it = named.keys("");
        let listed = of_it.next().await;
        let is_expected = matches!(listed, Some(Err(StoreError::BadName(_))));
        assert!(is_expected, "{listed:?}");
        assert!(of_it.next().await.is_none(), "a stream ends with its error");
    }
    let listed = kv.keys(&"k".repeat(257)).next().await;
    let is_expected = matches!(listed, Some(Err(StoreError::BadName(257))));
    assert!(is_expected, "{listed:?}");
}

#[tokio::test]
async fn an_expired_value_is_missing_before_it_is_removed() {
    let gateway = Gateway::new(Router::new());
    let lasting = Kv::<u32>::new(&gateway.sender(), "test");
    let short = lasting.clone().with_ttl(MINUTE);
    for key in ["read", "taken", "made", "updated", "lasting"] {
        short.set(key, &1).await.expect("set");
    }
    lasting.set("lasting", &2).await.expect("set");
    let entry = short.entry("read").await.expect("entry").expect("a value");
    let end = (gateway.now() + MINUTE).millis().div_ceil(1000);
    assert_eq!(entry.expires, Some(Timestamp::from_secs(end)));

    // A time to live is rounded up to a second.
    gateway.advance(MINUTE - Duration::from_millis(1)).await;
    assert_eq!(keys(&lasting, "").await.len(), 5);
    assert_eq!(short.get("read").await.expect("get"), Some(1));
    gateway.advance(Duration::from_secs(1)).await;
    assert_eq!(keys(&lasting, "").await, ["lasting"]);
    assert_eq!(lasting.get("read").await.expect("get"), None);
    assert_eq!(lasting.get("lasting").await.expect("get"), Some(2));
    let late = lasting.set_if("read", &3, entry.version).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    let result = lasting.set_if("made", &3, None).await;
    result.expect("nothing is there");
    assert!(!lasting.delete("taken").await.expect("delete"));
    let updated = lasting.update("updated", |old| old.unwrap_or(7)).await;
    assert_eq!(updated.expect("update"), 7);
}

#[tokio::test]
async fn an_update_keeps_when_a_value_is_over() {
    let gateway = Gateway::new(Router::new());
    let lasting = Kv::<u32>::new(&gateway.sender(), "test");
    let short = lasting.clone().with_ttl(MINUTE);
    let count = |n: Option<u32>| n.unwrap_or(0) + 1;
    for expected in 1..=2 {
        let found = short.update("short", count).await.expect("update");
        assert_eq!(found, expected);
        let found = lasting.update("lasting", count).await.expect("update");
        assert_eq!(found, expected);
        gateway.advance(MINUTE / 4).await;
    }
    lasting.update("short", count).await.expect("update");
    short.update("lasting", count).await.expect("update");
    gateway.advance(MINUTE).await;
    assert_eq!(lasting.get("short").await.expect("get"), None);
    assert_eq!(lasting.get("lasting").await.expect("get"), Some(3));
}

#[tokio::test]
async fn all_keys_of_a_prefix_are_streamed_however_many_there_are() {
    let store = Memory::new();
    let kv = kv::<u32>(&store);
    let mut all: Vec<String> = (0..2500).map(|n| format!("a/{n}")).collect();
    for key in all.iter().map(String::as_str).chain(["a", "b/1", "ü"]) {
        kv.set(key, &1).await.expect("set");
    }
    all.sort();
    assert_eq!(keys(&kv, "a/").await, all);
    assert_eq!(keys(&kv, "ü").await, ["ü"]);
    assert_eq!(keys(&kv, "a0").await, [""; 0]);
    assert_eq!(keys(&kv, "").await.len(), 2503);
    let other = Kv::<u32>::new(&sender(store), "other");
    assert_eq!(keys(&other, "").await, [""; 0]);
}

#[tokio::test]
async fn no_namespace_reaches_the_tickets() {
    let store = Memory::new();
    let tickets = Tickets::new(store.clone());
    tickets.issue("ann", MINUTE).await.expect("a ticket");
    let kept = format!("{store:?}");
    for namespace in ["ticket", "kv:ticket", ":ticket", "K#ticket", "", "*"] {
        let kv = Kv::<String>::new(&sender(store.clone()), namespace);
        let found: Vec<_> = kv.keys("").collect().await;
        assert!(
            !found.iter().any(Result::is_ok),
            "{namespace}: {found:?} of {kept}"
        );
    }
    let direct = KeyValueStore::keys(&store, "ticket", "", None, Timestamp::now()).await;
    assert_eq!(
        direct.expect("keys").keys.len(),
        1,
        "it is there, and not for a `Kv`"
    );
}

#[tokio::test]
async fn a_version_is_a_number_that_javascript_holds() {
    let kv = kv::<u32>(&Memory::new());
    let version = kv.set("k", &1).await.expect("set");
    let json = serde_json::to_string(&version).expect("JSON");
    assert!(json.parse::<u64>().expect("a number") < 1 << 53);
    let back: super::Version = serde_json::from_str(&json).expect("a version");
    kv.set_if("k", &2, back).await.expect("it is the version");
}

/// Changes the value concurrently with every other change, this many times.
async fn contested(times: u32) -> (Result<u32, StoreError>, u32) {
    let gateway = Gateway::new(Router::new());
    let (kv, store) = (Kv::<u32>::new(&gateway.sender(), "test"), gateway.store());
    let calls = AtomicU32::new(0);
    let updated = kv.update("k", |n| {
        if calls.fetch_add(1, Ordering::Relaxed) < times {
            let other = KeyValueStore::write(store, "kv:test", "k", "100", None);
            futures_util::FutureExt::now_or_never(other)
                .expect("memory waits for nothing")
                .expect("write");
        }
        n.unwrap_or(0) + 1
    });
    (updated.await, calls.into_inner())
}

#[tokio::test]
async fn an_update_is_made_again_while_others_are_faster_but_not_for_ever() {
    let (updated, calls) = contested(3).await;
    assert_eq!((updated.expect("update"), calls), (101, 4));
    let (updated, calls) = contested(RETRIES.into()).await;
    assert_eq!((updated.expect("update"), calls), (101, 17));
    let (updated, calls) = contested(u32::MAX).await;
    assert!(matches!(updated, Err(StoreError::Conflict)), "{updated:?}");
    assert_eq!(calls, 17);
}

#[tokio::test]
async fn no_update_of_many_at_once_is_lost() {
    let gateway = Gateway::new(Router::new().fallback(async |sender: Sender| {
        let counts = Kv::<u32>::new(&sender, "counts");
        let n = counts.update("all", |n| n.unwrap_or(0) + 1).await?;
        Ok::<_, Error>(n.to_string())
    }));
    let clients = (0..8).map(|_| gateway.connect("/"));
    let clients = join_all(clients).await.into_iter().map(Result::unwrap);
    let mut clients: Vec<_> = clients.collect();
    join_all(clients.iter_mut().map(|client| client.send("count"))).await;
    let counted = Kv::<u32>::new(&gateway.sender(), "counts").get("all").await;
    assert_eq!(counted.expect("get"), Some(8));
}

#[tokio::test]
async fn a_failed_change_writes_no_value() {
    let kv = kv::<u32>(&Memory::new());
    let refused = kv.try_update("k", |_| Err(Error::client("no", "no"))).await;
    assert_eq!(refused.expect_err("refused").code(), "no");
    assert_eq!(kv.get("k").await.expect("get"), None);
}
