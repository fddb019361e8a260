//! The conformance suite of values.

use super::Check;
use crate::Timestamp;
use crate::store::{KeyPage, KeyValueStore, Store, StoreError, VALUE_BYTES};
use futures_util::future::join_all;
use std::time::Duration;

impl<S: Store> Check<'_, S> {
    pub(super) async fn a_value_is_taken_by_one_caller_only(&self) {
        let (namespace, later) = (self.name("values"), self.now + Duration::from_secs(30));
        let insert = |key, value, expires| {
            KeyValueStore::insert(self.store, &namespace, key, value, expires, self.now)
        };
        let take = |namespace, key| KeyValueStore::take(self.store, namespace, key, self.now);

        assert!(insert("k", "ü", Some(later)).await.expect("insert"));
        let again = insert("k", "other", Some(later)).await.expect("insert");
        assert!(!again, "`insert` does not replace a value");
        let elsewhere = self.name("elsewhere");
        let found = take(&elsewhere, "k").await.expect("take");
        assert_eq!(found, None, "namespaces are separate");
        let takes = join_all((0..4).map(|_| take(&namespace, "k"))).await;
        let taken: Vec<_> = takes.into_iter().filter_map(Result::ok).flatten().collect();
        assert_eq!(taken, ["ü"], "a value is taken by exactly one caller");
        assert_eq!(take(&namespace, "k").await.expect("take"), None);
        assert!(
            insert("k", "new", None).await.expect("insert"),
            "the key is free"
        );
        let found = take(&namespace, "k").await.expect("take");
        assert_eq!(
            found.as_deref(),
            Some("new"),
            "a value without an expiry stays"
        );

        let inserts = join_all((0..4).map(|_| insert("one", "1", Some(later)))).await;
        let won = inserts.into_iter().filter(|won| matches!(won, Ok(true)));
        assert_eq!(won.count(), 1, "a value is inserted by exactly one caller");
    }

    pub(super) async fn an_expired_value_is_missing(&self) {
        let namespace = self.name("expired");
        let (early, expires) = (self.now, self.now + Duration::from_secs(1));
        for key in ["taken", "replaced"] {
            let kept =
                KeyValueStore::insert(self.store, &namespace, key, "old", Some(expires), early);
            assert!(kept.await.expect("insert"));
        }
        let taken = KeyValueStore::take(self.store, &namespace, "taken", expires).await;
        assert_eq!(taken.expect("take"), None, "an expired value is missing");
        let kept = KeyValueStore::insert(self.store, &namespace, "replaced", "new", None, expires);
        assert!(kept.await.expect("insert"), "the key is free");
        let taken = KeyValueStore::take(self.store, &namespace, "replaced", expires).await;
        assert_eq!(taken.expect("take").as_deref(), Some("new"));
    }

    async fn value(&self, namespace: &str, key: &str, now: Timestamp) -> Option<(String, u64)> {
        let found = KeyValueStore::read(self.store, namespace, key, now).await;
        found
            .expect("read")
            .map(|found| (found.value, found.version))
    }

    async fn keys(&self, namespace: &str, prefix: &str, now: Timestamp) -> Vec<String> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page =
                KeyValueStore::keys(self.store, namespace, prefix, after.as_deref(), now).await;
            let KeyPage { keys, next } = page.expect("keys");
            all.extend(keys);
            match next {
                Some(next) => after = Some(next),
                None => return all,
            }
        }
    }

    pub(super) async fn a_value_is_what_was_written_last(&self) {
        let (namespace, now) = (self.name("written"), self.now);
        let write =
            |key, value, expires| KeyValueStore::write(self.store, &namespace, key, value, expires);
        assert_eq!(self.value(&namespace, "k", now).await, None);
        let (first, later) = ("\"ü\"", now + Duration::from_secs(30));
        let one = write("k", first, None).await.expect("write");
        let found = self.value(&namespace, "k", now).await;
        assert_eq!(
            found,
            Some((first.to_owned(), one)),
            "a value is stored unchanged"
        );
        let largest = "7".repeat(VALUE_BYTES);
        let two = write("k", &largest, Some(later)).await.expect("write");
        assert_ne!(one, two, "every change has a new version");
        let found = KeyValueStore::read(self.store, &namespace, "k", now).await;
        let found = found.expect("read").expect("a value");
        assert_eq!((&found.value, found.version), (&largest, two));
        assert_eq!(found.expires, Some(later));
        let other = write("k2", first, None).await.expect("write");
        assert!(
            one.max(two).max(other) < 1 << 53,
            "a version fits into a JavaScript number"
        );
        assert_eq!(
            self.value(&namespace, "k3", now).await,
            None,
            "keys are separate"
        );
        let elsewhere = self.value(&self.name("elsewhere"), "k", now).await;
        assert_eq!(elsewhere, None, "namespaces are separate");
        let longest = "k".repeat(256);
        write(&longest, "1", None).await.expect("the longest key");
        assert!(self.value(&"n".repeat(260), &longest, now).await.is_none());
        assert!(self.value(&namespace, &longest, now).await.is_some());
    }

    pub(super) async fn a_value_is_replaced_only_at_its_version(&self) {
        let (namespace, now) = (self.name("replaced"), self.now);
        let replace = |value, version| {
            KeyValueStore::replace(self.store, &namespace, "k", value, None, version, now)
        };
        let is_conflict = |replaced| matches!(replaced, Err(StoreError::Conflict));
        assert!(
            is_conflict(replace("0", Some(1)).await),
            "the value is missing"
        );
        let one = replace("1", None).await.expect("the value is missing");
        assert!(is_conflict(replace("0", None).await), "the value exists");
        let two = replace("2", Some(one)).await.expect("the version matches");
        assert!(
            is_conflict(replace("0", Some(one)).await),
            "the version has changed"
        );
        assert_eq!(
            self.value(&namespace, "k", now).await,
            Some(("2".to_owned(), two))
        );
        let write = KeyValueStore::write(self.store, &namespace, "k", "2", None);
        let three = write.await.expect("write");
        let same = replace("0", Some(two)).await;
        assert!(
            is_conflict(same),
            "writing the same value changes the version"
        );

        let all = join_all((0..4).map(|_| replace("4", Some(three)))).await;
        let won: Vec<_> = all.into_iter().filter_map(Result::ok).collect();
        assert_eq!(
            won.len(),
            1,
            "exactly one of several calls with the same version succeeds"
        );
        assert_eq!(
            self.value(&namespace, "k", now).await,
            Some(("4".to_owned(), won[0]))
        );
        let deleted = KeyValueStore::delete(self.store, &namespace, "k", now).await;
        assert!(deleted.expect("delete"));
        assert!(
            is_conflict(replace("0", Some(won[0])).await),
            "the value is deleted"
        );
        let all = join_all((0..4).map(|_| replace("5", None))).await;
        let won_now: Vec<_> = all.into_iter().filter_map(Result::ok).collect();
        assert_eq!(
            won_now.len(),
            1,
            "exactly one of several calls for a missing value succeeds"
        );
        let versions = [one, two, three, won[0]];
        assert!(!versions.contains(&won_now[0]), "a version is never reused");
    }

    pub(super) async fn a_deleted_value_is_missing(&self) {
        let (namespace, now) = (self.name("deleted"), self.now);
        for key in ["k", "k2"] {
            let written = KeyValueStore::write(self.store, &namespace, key, "1", None).await;
            written.expect("write");
        }
        for expected in [true, false] {
            let deleted = KeyValueStore::delete(self.store, &namespace, "k", now).await;
            assert_eq!(deleted.expect("delete"), expected);
            assert_eq!(self.value(&namespace, "k", now).await, None);
            assert_eq!(self.keys(&namespace, "", now).await, ["k2"]);
        }
        let taken = KeyValueStore::take(self.store, &namespace, "k", now).await;
        assert_eq!(taken.expect("take"), None);
    }

    pub(super) async fn keys_come_in_order_by_prefix_and_in_pages(&self) {
        let (namespace, now) = (self.name("keys"), self.now);
        // 1.3 MB: larger than a page of DynamoDB.
        let large = "7".repeat(VALUE_BYTES);
        let mut all: Vec<String> = (0..40).map(|n| format!("a/{n}")).collect();
        for key in &all {
            let written = KeyValueStore::write(self.store, &namespace, key, &large, None).await;
            written.expect("write");
        }
        for key in ["A/1", "a", "a0", "ü", "üa", "\u{10ffff}"] {
            let written = KeyValueStore::write(self.store, &namespace, key, "1", None).await;
            written.expect("write");
        }
        all.sort();
        assert_eq!(
            self.keys(&namespace, "a/", now).await,
            all,
            "all keys in order"
        );
        assert_eq!(self.keys(&namespace, "a/39", now).await, ["a/39"]);
        assert_eq!(self.keys(&namespace, "ü", now).await, ["ü", "üa"]);
        assert_eq!(
            self.keys(&namespace, "\u{10ffff}", now).await,
            ["\u{10ffff}"]
        );
        assert_eq!(self.keys(&namespace, "a//", now).await, [""; 0]);
        assert_eq!(self.keys(&self.name("none"), "", now).await, [""; 0]);
        let mut whole = vec!["A/1".to_owned(), "a".to_owned()];
        whole.extend(all.iter().cloned());
        whole.extend(["a0", "ü", "üa", "\u{10ffff}"].map(str::to_owned));
        assert_eq!(
            self.keys(&namespace, "", now).await,
            whole,
            "in the order of their bytes"
        );
        let (last, few) = (all.len() - 3, &all[all.len() - 2..]);
        let behind = KeyValueStore::keys(self.store, &namespace, "a/", Some(&all[last]), now).await;
        let behind = behind.expect("keys");
        assert_eq!(behind.keys, few, "a page begins after its cursor");
        assert_eq!(behind.next, None, "the last page has no cursor");
    }

    pub(super) async fn an_expired_value_does_not_block_a_write(&self) {
        let namespace = self.name("over");
        let (early, expires) = (self.now, self.now + Duration::from_secs(1));
        let last = early + Duration::from_millis(999);
        let mut versions = Vec::new();
        for key in ["replaced", "made", "deleted", "written", "read"] {
            let written =
                KeyValueStore::write(self.store, &namespace, key, "1", Some(expires)).await;
            versions.push(written.expect("write"));
        }
        assert!(self.value(&namespace, "read", last).await.is_some());
        assert_eq!(self.keys(&namespace, "", last).await.len(), 5);
        let replace = |key, expires, version, now| {
            KeyValueStore::replace(self.store, &namespace, key, "2", expires, version, now)
        };
        let taken = replace("read", None, None, last).await;
        let is_expected = matches!(taken, Err(StoreError::Conflict));
        assert!(is_expected, "the value exists until it expires");

        assert_eq!(self.value(&namespace, "read", expires).await, None);
        assert_eq!(self.keys(&namespace, "", expires).await, [""; 0]);
        let late = replace("replaced", None, Some(versions[0]), expires).await;
        assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
        replace("made", None, None, expires)
            .await
            .expect("the key is free");
        let deleted = KeyValueStore::delete(self.store, &namespace, "deleted", expires).await;
        assert!(!deleted.expect("delete"));
        let written = KeyValueStore::write(self.store, &namespace, "written", "2", None).await;
        written.expect("write");
        let there = self
            .keys(&namespace, "", expires + Duration::from_secs(1))
            .await;
        assert_eq!(there, ["made", "written"], "values without an expiry stay");
    }

    pub(super) async fn many_values_are_read_and_deleted_together(&self) {
        let (namespace, other, now) = (self.name("many"), self.name("more"), self.now);
        let later = now + Duration::from_secs(30);
        // More keys than a BatchGetItem or a BatchWriteItem accepts.
        let keys: Vec<String> = (0..130).map(|n| format!("k{n:03}")).collect();
        for key in &keys {
            let written = KeyValueStore::write(self.store, &namespace, key, "1", Some(later)).await;
            written.expect("write");
        }
        let written = KeyValueStore::write(self.store, &namespace, "l", "1", None).await;
        written.expect("write");

        let wanted = keys.iter().map(|key| (namespace.clone(), key.clone()));
        let mut wanted: Vec<_> = wanted.collect();
        wanted.insert(1, (other.clone(), keys[0].clone()));
        wanted.push(wanted[0].clone());
        let found = KeyValueStore::read_all(self.store, &wanted, now).await;
        let found: Vec<_> = found.expect("read").iter().map(Option::is_some).collect();
        let mut expected = vec![true; wanted.len()];
        expected[1] = false;
        assert_eq!(
            found, expected,
            "values are in the order of the keys, repeated keys included"
        );
        let found = KeyValueStore::read_all(self.store, &wanted, later).await;
        assert!(
            found.expect("read").iter().all(Option::is_none),
            "expired values are missing"
        );

        let (mut entries, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page =
                KeyValueStore::entries(self.store, &namespace, "k", after.as_deref(), 50, now)
                    .await;
            let page = page.expect("entries");
            assert!(page.entries.len() <= 50);
            entries.extend(page.entries);
            after = page.next;
            pages += 1;
            if after.is_none() {
                break;
            }
        }
        assert!(pages >= 3, "{pages}");
        assert!(
            entries.iter().map(|(key, _)| key).eq(&keys),
            "all entries in order"
        );
        assert!(entries.iter().all(|(_, entry)| entry.value == "1"));

        let version = entries[0].1.version;
        let delete = |version| KeyValueStore::delete_if(self.store, &namespace, "k000", version);
        assert!(
            !delete(version ^ 1).await.expect("delete"),
            "the version does not match"
        );
        assert!(delete(version).await.expect("delete"));
        assert!(
            !delete(version).await.expect("delete"),
            "a value is deleted once"
        );
        let deleted = KeyValueStore::delete_all(self.store, &namespace, &keys, now).await;
        deleted.expect("delete");
        assert_eq!(self.keys(&namespace, "", now).await, ["l"]);
    }
}
