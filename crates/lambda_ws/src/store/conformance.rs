//! The conformance suite of stores.

mod log;
mod values;

use super::{MAX_ROOMS, Page, Record, Scope, Slice, Store, StoreError};
use crate::{ConnectionId, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;

/// Tests that a [`Store`] keeps the rules of its documentation, on connections, rooms, users and namespaces with new
/// names.
///
/// ```
/// # futures_util::future::FutureExt::now_or_never(async {
/// use lambda_ws::store::{Memory, conformance};
///
/// conformance(&Memory::new()).await;
/// # }).unwrap();
/// ```
///
/// The rules of logs are skipped for a store that returns [`StoreError::NoHistory`].
///
/// # Panics
///
/// If a rule is broken, with that rule.
pub async fn conformance(store: &impl Store) {
    let check = Check {
        store,
        run: lambda_ws_protocol::event::new_id(&mut fastrand::Rng::new()),
        now: Timestamp::from_secs(Timestamp::now().secs()),
    };
    check.a_registered_connection_is_found().await;
    check.a_removal_has_one_winner().await;
    check.an_id_may_be_used_again().await;
    check.joining_and_leaving_are_idempotent().await;
    check.only_a_live_connection_joins().await;
    check.there_is_a_limit_of_rooms().await;
    check.entering_a_room_leaves_the_others_at_once().await;
    check.a_session_is_replaced_only_at_its_version().await;
    check.a_mark_is_replaced_once_per_interval().await;
    check
        .marking_as_gone_has_one_winner_and_keeps_the_record()
        .await;
    check.expired_records_are_missing().await;
    check.members_come_in_pages().await;
    check.a_member_without_a_record_can_be_forgotten().await;
    check.concurrent_changes_all_count().await;
    check.a_value_is_taken_by_one_caller_only().await;
    check.an_expired_value_is_missing().await;
    check.a_value_is_what_was_written_last().await;
    check.a_value_is_replaced_only_at_its_version().await;
    check.a_deleted_value_is_missing().await;
    check.keys_come_in_order_by_prefix_and_in_pages().await;
    check.an_expired_value_does_not_block_a_write().await;
    check.many_values_are_read_and_deleted_together().await;
    if check.keeps_logs().await {
        check.a_log_is_numbered_without_holes().await;
        check.a_position_that_is_not_valid_is_a_gap().await;
        check.a_history_bounds_what_is_served().await;
        check.a_log_of_expired_messages_begins_an_epoch().await;
        check.concurrent_appends_have_different_numbers().await;
    }
}

struct Check<'a, S> {
    store: &'a S,
    run: String,
    now: Timestamp,
}

impl<S: Store> Check<'_, S> {
    fn id(&self, name: &str) -> ConnectionId {
        format!("{name}-{}", self.run).into()
    }

    fn room(&self, name: &str) -> Scope {
        Scope::Room(self.name(name))
    }

    fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.run)
    }

    fn fresh(&self, name: &str) -> Record {
        Record::new(self.id(name), self.now, "api/test", self.now)
    }

    async fn registered(&self, name: &str, rooms: &[&str]) -> Record {
        let mut record = self.fresh(name);
        record.rooms = rooms.iter().map(|room| self.name(room)).collect();
        self.store.register(&record).await.expect("register");
        record
    }

    async fn record(&self, id: &ConnectionId) -> Option<Record> {
        self.store.record(id, self.now).await.expect("record")
    }

    async fn members_at(&self, scope: &Scope, now: Timestamp) -> Vec<ConnectionId> {
        let mut ids = Vec::new();
        for slice in scope.slices() {
            let mut after = None;
            loop {
                let page = self.store.page(scope, slice, after.as_ref(), now);
                let Page { ids: some, next } = page.await.expect("page");
                ids.extend(some);
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        ids.sort();
        ids
    }

    async fn members(&self, scope: &Scope) -> Vec<ConnectionId> {
        self.members_at(scope, self.now).await
    }

    async fn is_registered(&self, id: &ConnectionId) -> bool {
        self.members(&Scope::Everyone).await.contains(id)
    }

    async fn a_registered_connection_is_found(&self) {
        let mut record = self.fresh("found");
        record.user = Some(self.name("ann"));
        record.rooms = BTreeSet::from([self.name("f1"), self.name("f2")]);
        record.session = Some(r#"{"a":"ü"}"#.to_owned());
        self.store.register(&record).await.expect("register");

        let found = self.record(&record.id).await;
        assert_eq!(
            found.as_ref(),
            Some(&record),
            "a record is stored unchanged"
        );
        for scope in [
            self.room("f1"),
            self.room("f2"),
            Scope::User(self.name("ann")),
        ] {
            assert_eq!(self.members(&scope).await, [record.id.clone()], "{scope:?}");
        }
        assert!(
            self.is_registered(&record.id).await,
            "`Scope::Everyone` contains the connection"
        );
        assert_eq!(self.record(&self.id("unknown")).await, None);

        let ids = [record.id.clone(), self.id("unknown")];
        let records = self.store.records(&ids, self.now).await.expect("records");
        assert_eq!(records, [record], "missing records are omitted");
    }

    async fn a_removal_has_one_winner(&self) {
        let record = self.registered("removed", &["r"]).await;
        let removed = self.store.remove(&record.id, record.at).await;
        assert_eq!(removed.expect("remove"), Some(record.clone()));
        let again = self.store.remove(&record.id, record.at).await;
        assert_eq!(
            again.expect("remove"),
            None,
            "a removal returns the record once"
        );
        assert_eq!(self.record(&record.id).await, None);
        assert_eq!(self.members(&self.room("r")).await, []);
        assert!(!self.is_registered(&record.id).await);
    }

    async fn an_id_may_be_used_again(&self) {
        let mut record = self.registered("again", &["a"]).await;
        let first = record.at;
        record.at = first + Duration::from_secs(1);
        record.rooms = BTreeSet::from([self.name("a2")]);
        self.store.register(&record).await.expect("register");
        assert_eq!(
            self.members(&self.room("a")).await,
            [],
            "the former connection had this room"
        );
        assert_eq!(self.members(&self.room("a2")).await.len(), 1);
        let late = self.store.remove(&record.id, first).await;
        assert_eq!(
            late.expect("remove"),
            None,
            "the id belongs to another connection"
        );
        let late = self.store.mark_gone(&record.id, first).await;
        assert!(
            !late.expect("mark_gone"),
            "the id belongs to another connection"
        );
        let expires = record.expires;
        let late = self.store.join(&record.id, first, "x", expires).await;
        assert!(matches!(late, Err(StoreError::NotConnected)), "{late:?}");
        let late = self.store.save(&record.id, first, "1", 0).await;
        assert!(matches!(late, Err(StoreError::NotConnected)), "{late:?}");
        assert_eq!(self.record(&record.id).await, Some(record));
    }

    async fn joining_and_leaving_are_idempotent(&self) {
        let record = self.registered("joiner", &[]).await;
        let room = self.name("j");
        for _ in 0..2 {
            let joined = self
                .store
                .join(&record.id, record.at, &room, record.expires);
            joined.await.expect("join");
            let expected = std::slice::from_ref(&record.id);
            assert_eq!(self.members(&self.room("j")).await, expected);
        }
        let rooms = self.record(&record.id).await.map(|r| r.rooms);
        assert_eq!(rooms, Some(BTreeSet::from([room.clone()])));
        for _ in 0..2 {
            let left = self.store.leave(&record.id, record.at, &room);
            left.await.expect("leave");
            assert_eq!(self.members(&self.room("j")).await, []);
        }
        let rooms = self.record(&record.id).await.map(|r| r.rooms);
        assert_eq!(rooms, Some(BTreeSet::new()));
    }

    async fn only_a_live_connection_joins(&self) {
        let unknown = self.fresh("nobody");
        let room = self.name("n");
        let joined = self
            .store
            .join(&unknown.id, unknown.at, &room, unknown.expires);
        let joined = joined.await;
        let is_expected = matches!(joined, Err(StoreError::NotConnected));
        assert!(is_expected, "{joined:?}");
        let entered = self.store.switch_room(&unknown, &self.name("n")).await;
        let is_expected = matches!(entered, Err(StoreError::NotConnected));
        assert!(is_expected, "{entered:?}");
        let saved = self.store.save(&unknown.id, unknown.at, "1", 0).await;
        assert!(matches!(saved, Err(StoreError::NotConnected)), "{saved:?}");
        let left = self.store.leave(&unknown.id, unknown.at, &room);
        left.await.expect("leaving is idempotent");
        assert_eq!(self.members(&self.room("n")).await, []);
        assert_eq!(
            self.record(&unknown.id).await,
            None,
            "joining creates no record"
        );
    }

    async fn there_is_a_limit_of_rooms(&self) {
        let mut record = self.fresh("busy");
        record.rooms = (0..MAX_ROOMS)
            .map(|n| self.name(&format!("b{n}")))
            .collect();
        self.store.register(&record).await.expect("register");
        let (id, at, expires) = (&record.id, record.at, record.expires);
        let joined = self.store.join(id, at, &self.name("b0"), expires).await;
        joined.expect("joining again succeeds");
        let joined = self.store.join(id, at, &self.name("b"), expires).await;
        let is_expected = matches!(joined, Err(StoreError::TooManyRooms));
        assert!(is_expected, "{joined:?}");
        self.store
            .switch_room(&record, &self.name("b"))
            .await
            .expect("switch_room");
        let expected = std::slice::from_ref(id);
        assert_eq!(self.members(&self.room("b")).await, expected);
        for n in 0..MAX_ROOMS {
            assert_eq!(self.members(&self.room(&format!("b{n}"))).await, []);
        }
        self.store.remove(id, at).await.expect("remove");
        assert_eq!(self.members(&self.room("b")).await, []);
    }

    async fn entering_a_room_leaves_the_others_at_once(&self) {
        let record = self.registered("mover", &["m1", "m2"]).await;
        self.store
            .switch_room(&record, &self.name("m3"))
            .await
            .expect("switch_room");
        let now = self.record(&record.id).await.expect("a record");
        assert_eq!(now.rooms, BTreeSet::from([self.name("m3")]));
        let stale = self.store.switch_room(&record, &self.name("m4")).await;
        assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
        self.store
            .switch_room(&now, &self.name("m3"))
            .await
            .expect("switch_room");
        for (room, members) in [("m1", 0), ("m2", 0), ("m3", 1), ("m4", 0)] {
            assert_eq!(
                self.members(&self.room(room)).await.len(),
                members,
                "{room}"
            );
        }
        let none = self.registered("roomless", &[]).await;
        self.store
            .switch_room(&none, &self.name("m5"))
            .await
            .expect("switch_room");
        assert_eq!(self.members(&self.room("m5")).await, [none.id]);
    }

    async fn a_session_is_replaced_only_at_its_version(&self) {
        let record = self.registered("saver", &[]).await;
        let saved = self.store.save(&record.id, record.at, "\"one\"", 0).await;
        let version = saved.expect("save");
        let stale = self.store.save(&record.id, record.at, "\"two\"", 0).await;
        assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
        let saved = self.store.save(&record.id, record.at, "\"three\"", version);
        let next = saved.await.expect("save");
        let now = self.record(&record.id).await.expect("a record");
        assert_eq!(now.session.as_deref(), Some("\"three\""));
        assert_eq!(now.version, next);
    }

    async fn a_mark_is_replaced_once_per_interval(&self) {
        const INTERVAL: Duration = Duration::from_secs(300);
        let record = self.registered("seen", &["s"]).await;
        let (id, at) = (&record.id, record.at);
        assert_eq!(
            record.last_seen(),
            at,
            "a new connection was seen when it opened"
        );
        let seen = async |after: Duration| {
            let marked = self.store.mark_seen(id, at, self.now + after, INTERVAL);
            marked.await.expect("mark_seen");
            let found = self.record(id).await.expect("a record");
            let expected = Record {
                seen: found.seen,
                ..record.clone()
            };
            assert_eq!(found, expected, "a mark changes nothing else");
            found.last_seen() - self.now
        };
        let millis = Duration::from_millis;
        assert_eq!(seen(millis(1500)).await, millis(1500));
        assert_eq!(
            seen(INTERVAL).await,
            millis(1500),
            "the interval has not ended"
        );
        assert_eq!(seen(millis(301_500)).await, millis(301_500));
        assert_eq!(
            seen(millis(1500)).await,
            millis(301_500),
            "a mark is never older"
        );

        let (other, gone) = (
            self.now + Duration::from_secs(1),
            &self.registered("seen-gone", &[]).await,
        );
        self.store.mark_gone(&gone.id, at).await.expect("mark_gone");
        let unknown = self.id("seen-nobody");
        for (id, at) in [(id, other), (&gone.id, at), (&unknown, at)] {
            let marked = self.store.mark_seen(id, at, self.now, INTERVAL).await;
            assert!(
                matches!(marked, Err(StoreError::NotConnected)),
                "{marked:?}"
            );
        }
        assert_eq!(
            self.record(&unknown).await,
            None,
            "a mark creates no record"
        );
    }

    async fn marking_as_gone_has_one_winner_and_keeps_the_record(&self) {
        let record = self.registered("gone", &["g"]).await;
        let marked = self.store.mark_gone(&record.id, record.at).await;
        assert!(marked.expect("mark_gone"));
        let again = self.store.mark_gone(&record.id, record.at).await;
        assert!(!again.expect("mark_gone"), "marking succeeds once");
        assert_eq!(self.members(&self.room("g")).await, []);
        assert!(!self.is_registered(&record.id).await);
        let (id, at, expires) = (&record.id, record.at, record.expires);
        let joined = self.store.join(id, at, &self.name("g"), expires).await;
        let is_expected = matches!(joined, Err(StoreError::NotConnected));
        assert!(is_expected, "{joined:?}");
        let kept = self.record(id).await.expect("the record is kept");
        assert!(kept.gone);
        let removed = self.store.remove(id, at).await.expect("remove");
        assert_eq!(removed.map(|r| r.rooms), Some(record.rooms));
    }

    async fn expired_records_are_missing(&self) {
        let mut record = self.fresh("expired");
        record.rooms = BTreeSet::from([self.name("e")]);
        record.user = Some(self.name("eve"));
        self.store.register(&record).await.expect("register");
        let (last, over) = (record.expires, record.expires + Duration::from_secs(1));
        let before = Timestamp::from_secs(last.secs() - 1);
        for scope in [self.room("e"), Scope::User(self.name("eve"))] {
            assert_eq!(self.members_at(&scope, before).await.len(), 1, "{scope:?}");
            assert_eq!(self.members_at(&scope, over).await, [], "{scope:?}");
        }
        let everyone = self.members_at(&Scope::Everyone, over).await;
        assert!(!everyone.contains(&record.id));
        let found = self.store.record(&record.id, over).await.expect("record");
        assert_eq!(found, None);
        let ids = [record.id.clone()];
        let found = self.store.records(&ids, over).await.expect("records");
        assert_eq!(found, []);
    }

    async fn members_come_in_pages(&self) {
        let room = self.room("p");
        let mut ids: Vec<ConnectionId> = (0..30).map(|n| self.id(&format!("p{n}"))).collect();
        for n in 0..30 {
            self.registered(&format!("p{n}"), &["p"]).await;
        }
        ids.sort();
        assert_eq!(self.members(&room).await, ids);
        let (low, high) = (Slice { from: 0, to: 127 }, Slice { from: 128, to: 255 });
        let mut halves = Vec::new();
        for slice in [low, high] {
            let page = self
                .store
                .page(&room, slice, None, self.now)
                .await
                .expect("page");
            assert!(
                page.ids.iter().all(|id| slice.contains(id)),
                "a page contains only connections of its slice"
            );
            halves.extend(page.ids);
        }
        let all = self
            .store
            .page(&room, Slice::ALL, None, self.now)
            .await
            .expect("page");
        assert_eq!(halves, all.ids, "slices are in order");
        let (first, rest) = all.ids.split_first().expect("thirty");
        let behind = self.store.page(&room, Slice::ALL, Some(first), self.now);
        let found = behind.await.expect("page").ids;
        assert_eq!(found, rest, "a page begins after its cursor");
    }

    async fn a_member_without_a_record_can_be_forgotten(&self) {
        let record = self.registered("ghost", &["h", "h2"]).await;
        self.store
            .forget(&self.room("h"), &record.id)
            .await
            .expect("forget");
        assert_eq!(self.members(&self.room("h")).await, []);
        let expected = std::slice::from_ref(&record.id);
        assert_eq!(self.members(&self.room("h2")).await, expected);
        self.store
            .forget(&self.room("h"), &record.id)
            .await
            .expect("forget");
    }

    async fn concurrent_changes_all_count(&self) {
        let record = self.registered("crowd", &[]).await;
        let rooms: Vec<String> = (0..8).map(|n| self.name(&format!("c{n}"))).collect();
        let joins = rooms
            .iter()
            .map(|room| self.store.join(&record.id, record.at, room, record.expires));
        for joined in futures_util::future::join_all(joins).await {
            joined.expect("concurrent joins are retried, not lost");
        }
        let now = self.record(&record.id).await.expect("a record");
        let expected = rooms.iter().cloned().collect();
        assert_eq!(now.rooms, expected, "no join is lost");
        let removals = (0..4).map(|_| self.store.remove(&record.id, record.at));
        let removals = futures_util::future::join_all(removals).await;
        let won = removals.into_iter().filter(|r| matches!(r, Ok(Some(_))));
        assert_eq!(won.count(), 1, "a removal returns the record once");
        for n in 0..8 {
            assert_eq!(self.members(&self.room(&format!("c{n}"))).await, []);
        }
    }
}
