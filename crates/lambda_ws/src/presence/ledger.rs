//! The stored presences: a value by room and user, which exists while the user is present.

use crate::Timestamp;
use crate::clock::Clock;
use crate::store::{DynStore, Page, Record, Scope, Slice, StoreError};
use futures_util::stream::{self, StreamExt};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;
use tracing::debug;

/// The prefix of the namespaces of users in a room. A namespace consists of a prefix of at most four bytes and a
/// name. Namespaces of applications have another prefix.
const ROOM: &str = "in:";

pub(crate) fn namespace(room: &str) -> String {
    format!("{ROOM}{room}")
}

/// The value of a user without [data](super::data). Only its existence matters.
pub(super) const VALUE: &str = "true";

/// The maximum number of conflicts. They happen only if others change the same user in the same room.
pub(super) const ATTEMPTS: usize = 20;

/// The number of values of a user that are replaced concurrently, and of users.
const AT_ONCE: usize = 8;
const USERS_AT_ONCE: usize = 16;

const BATCH: usize = 100;

/// The maximum difference between the clocks of processes.
const SKEW: Duration = Duration::from_secs(60);

pub(crate) type Users = BTreeMap<String, BTreeSet<String>>;

/// Users who left, by room, with the versions of their values.
pub(crate) type Left = BTreeMap<String, BTreeMap<String, u64>>;

/// The presences in the connection store.
///
/// The caller that changes the value of a room and a user from absent to present announces the join, and the caller
/// that changes it back announces the departure. So the two alternate. A joiner first becomes a member of the room
/// and then gives the value a new version. A leaver reads the version, then looks for members, and then replaces only
/// that version. If the join comes before the read, the leaver sees a member, or one that left since and has its own
/// leaver. If it comes in between, the leaver's version is outdated. If it comes after, the joiner finds the value
/// absent and announces the join.
#[derive(Clone, Copy)]
pub(crate) struct PresenceLedger<'a> {
    pub(crate) store: &'a dyn DynStore,
    pub(crate) clock: &'a dyn Clock,
}

impl PresenceLedger<'_> {
    /// Makes a user present after a connection has joined the room. Returns whether the user was absent.
    pub(crate) async fn touch(&self, room: &str, user: &str) -> Result<bool, StoreError> {
        let namespace = namespace(room);
        for attempt in 0..ATTEMPTS {
            let now = self.clock.now();
            let found = self.store.read_value(&namespace, user, now).await?;
            // Another caller was faster and has changed the version, so no earlier leaver can replace it.
            if found.is_some() && attempt > 0 {
                return Ok(false);
            }
            let is_news = found.is_none();
            let version = found.as_ref().map(|found| found.version);
            // Another connection of the user may have stored data.
            let value = found.as_ref().map_or(VALUE, |found| &found.value);
            // The connection is older, so it expires earlier.
            let expires = Some(Record::expiry(now, now));
            let touched = self
                .store
                .replace_value(&namespace, user, value, expires, version, now);
            match touched.await {
                Ok(_) => return Ok(is_news),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Makes users absent from rooms without any of their connections. Adds the users who left to `left`, also if it
    /// fails for others.
    pub(crate) async fn leave(&self, mut users: Users, left: &mut Left) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            // The order matters: see the type's documentation.
            let found = self.versions(users).await?;
            if found.is_empty() {
                return Ok(());
            }
            let leaves = found.into_iter().map(|(user, rooms)| async move {
                let ended = self.leave_rooms(&user, rooms).await;
                (user, ended)
            });
            let mut leaves = stream::iter(leaves).buffer_unordered(USERS_AT_ONCE);
            users = Users::new();
            let mut failed = None;
            while let Some((user, (ended, conflicts, error))) = leaves.next().await {
                for (room, version) in ended {
                    left.entry(room).or_default().insert(user.clone(), version);
                }
                if !conflicts.is_empty() {
                    users.insert(user, conflicts);
                }
                failed = failed.or(error);
            }
            drop(leaves);
            if let Some(error) = failed {
                return Err(error);
            }
            if users.is_empty() {
                return Ok(());
            }
        }
        Err(StoreError::Conflict)
    }

    /// Makes a user absent from rooms with these versions. Returns the rooms that the user left with their new
    /// versions, the rooms with a conflict, and the last failure.
    async fn leave_rooms(
        &self,
        user: &str,
        mut found: Vec<(String, u64)>,
    ) -> (Vec<(String, u64)>, BTreeSet<String>, Option<StoreError>) {
        let there = match self.rooms_of(user).await {
            Ok(there) => there,
            Err(error) => return (Vec::new(), BTreeSet::new(), Some(error)),
        };
        found.retain(|(room, _)| !there.contains(room));
        let ends = found.into_iter().map(|(room, version)| async move {
            let ended = self.end(&room, user, version).await;
            (room, ended)
        });
        let mut ends = stream::iter(ends).buffer_unordered(AT_ONCE);
        let (mut left, mut conflicts, mut failed) = (Vec::new(), BTreeSet::new(), None);
        while let Some((room, ended)) = ends.next().await {
            match ended {
                Ok(version) => left.push((room, version)),
                Err(StoreError::Conflict) => drop(conflicts.insert(room)),
                Err(error) => failed = Some(error),
            }
        }
        (left, conflicts, failed)
    }

    /// Returns the rooms where users are present, with the versions of the values.
    async fn versions(
        &self,
        users: Users,
    ) -> Result<BTreeMap<String, Vec<(String, u64)>>, StoreError> {
        let keys = users.into_iter().flat_map(|(user, rooms)| {
            let key = move |room: String| (namespace(&room), user.clone(), room);
            rooms.into_iter().map(key)
        });
        let (keys, rooms): (Vec<_>, Vec<_>) = keys
            .map(|(namespace, user, room)| ((namespace, user), room))
            .unzip();
        let values = self.store.read_values(&keys, self.clock.now()).await?;
        let mut found: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
        for (((_, user), room), value) in keys.into_iter().zip(rooms).zip(values) {
            if let Some(value) = value {
                let rooms = found.entry(user).or_default();
                rooms.push((room, value.version));
            }
        }
        Ok(found)
    }

    async fn rooms_of(&self, user: &str) -> Result<HashSet<String>, StoreError> {
        let (scope, mut after) = (Scope::User(user.to_owned()), None);
        let mut rooms = HashSet::new();
        loop {
            let now = self.clock.now();
            let page = self.store.page(&scope, Slice::ALL, after.as_ref(), now);
            let Page { ids, next } = page.await?;
            for ids in ids.chunks(BATCH) {
                let records = self.store.records(ids, now).await?;
                let live = records.into_iter().filter(|record| !record.gone);
                rooms.extend(live.flat_map(|record| record.rooms));
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(rooms),
            }
        }
    }

    /// Makes a value of this version absent and returns the next version. It writes an expired value, because a
    /// replacement recognizes itself after a lost response.
    async fn end(&self, room: &str, user: &str, version: u64) -> Result<u64, StoreError> {
        let (namespace, now) = (namespace(room), self.clock.now());
        let over = Timestamp::from_secs(now.secs().saturating_sub(SKEW.as_secs()));
        let (version, over) = (Some(version), Some(over));
        let ended = self
            .store
            .replace_value(&namespace, user, VALUE, over, version, now);
        ended.await
    }

    /// Deletes the values of absent users, so that a room does not grow forever. The table's time to live deletes the
    /// rest.
    pub(crate) async fn forget(&self, left: Left) {
        let values = left.into_iter().flat_map(|(room, users)| {
            let namespace = namespace(&room);
            users
                .into_iter()
                .map(move |(user, version)| (namespace.clone(), user, version))
        });
        let values: Vec<_> = values.collect();
        let deletes = values.iter().map(|(namespace, user, version)| {
            self.store.delete_value_if(namespace, user, *version)
        });
        let deletes: Vec<_> = deletes.collect();
        let mut deletes = stream::iter(deletes).buffer_unordered(USERS_AT_ONCE);
        while let Some(deleted) = deletes.next().await {
            if let Err(error) = deleted {
                debug!(
                    error = &error as &dyn std::error::Error,
                    "an outdated presence could not be deleted; it expires"
                );
            }
        }
    }
}
