//! The announcements of users with their data.

use super::value::no_data;
use crate::presence::{
    Batches, PendingChange, PendingShard, PresenceChange, PresenceLedger, PresenceState, Shard,
};
use crate::store::StoreError;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;
use tracing::warn;

/// How long new data of a room is collected. The sweep adds another half second, so the announcements of a room are a
/// second apart.
pub(crate) const DATA_WINDOW: Duration = Duration::from_millis(500);

/// The maximum total length of the names and the data in one call of a hook, in bytes: all of it fits into a message of
/// 128 KB.
const CALL_BYTES: usize = 64 * 1024;

/// The JSON of a user beside the name and the data.
const OVERHEAD: usize = 16;

/// The maximum number of pages of pending changes that a sweep reads.
const PAGES: usize = 4;

/// The users of a call of a hook, and their stored values.
pub(crate) type Announcement = (PresenceChange, Vec<Box<str>>);

/// The due changes of a shard.
#[derive(Debug, Default)]
pub(crate) struct DueChanges {
    /// At most one call for each room, with a change of the room.
    pub(crate) calls: Vec<(Announcement, PendingChange)>,
    /// The keys of the changes of these calls.
    pub(crate) keys: Vec<String>,
    /// Whether other changes have to wait, because the data of a room is too large for one call.
    pub(crate) has_more: bool,
}

/// What keeps the data of users. It is a trait object, so that only programs with a `changed` handler contain the code.
pub(crate) trait KeepsData: Debug + Send + Sync {
    /// Makes a user present with data. Returns whether the user was absent. Other data of a present user is announced.
    fn arrive<'a>(
        &self,
        state: &'a PresenceState,
        ledger: PresenceLedger<'a>,
        change: PendingChange,
        data: &'a RawValue,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Splits the users who joined a room into calls with their data.
    fn joins<'a>(
        &self,
        ledger: PresenceLedger<'a>,
        room: String,
        users: BTreeSet<String>,
    ) -> BoxFuture<'a, Vec<Announcement>>;

    /// Reads the changes of a shard with the present data.
    fn due<'a>(&self, pending: PendingShard<'a>) -> BoxFuture<'a, Result<DueChanges, StoreError>>;
}

pub(crate) static KEPT_DATA: &dyn KeepsData = &KeptData;

#[derive(Debug)]
struct KeptData;

impl KeepsData for KeptData {
    fn arrive<'a>(
        &self,
        state: &'a PresenceState,
        ledger: PresenceLedger<'a>,
        change: PendingChange,
        data: &'a RawValue,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        async move {
            let room = change.rooms.first().map_or("", String::as_str);
            let (is_news, is_changed) = ledger.touch_with(room, &change.user, data).await?;
            if is_changed {
                state.change(ledger, change).await?;
            }
            Ok(is_news)
        }
        .boxed()
    }

    fn joins<'a>(
        &self,
        ledger: PresenceLedger<'a>,
        room: String,
        users: BTreeSet<String>,
    ) -> BoxFuture<'a, Vec<Announcement>> {
        async move {
            let users: Vec<_> = users.into_iter().collect();
            let values = match ledger.values(&room, &users).await {
                Ok(values) => values,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    warn!(
                        room,
                        error,
                        "the data of users could not be read; they are announced without data"
                    );
                    vec![None; users.len()]
                }
            };
            let values = values.into_iter();
            let values = values.map(|value| value.map_or_else(no_data, |value| value.value.into()));
            let mut users: Vec<_> = users.into_iter().zip(values).collect();
            let mut calls = Vec::new();
            while !users.is_empty() {
                let others = users.split_off(fitting(&users));
                calls.push(announcement(&room, users));
                users = others;
            }
            calls
        }
        .boxed()
    }

    fn due<'a>(&self, pending: PendingShard<'a>) -> BoxFuture<'a, Result<DueChanges, StoreError>> {
        due(pending).boxed()
    }
}

/// The pending changes of a room.
#[derive(Default)]
struct RoomChanges {
    /// The users in the order of their first change.
    users: Vec<String>,
    /// The keys of the changes of each user.
    keys: BTreeMap<String, Vec<String>>,
    last: Option<PendingChange>,
}

async fn due(pending: PendingShard<'_>) -> Result<DueChanges, StoreError> {
    let (mut batches, mut after, mut due) = (Vec::new(), None, DueChanges::default());
    for _ in 0..PAGES {
        let (page, more): Batches = pending.batches(after.as_deref()).await?;
        batches.extend(page);
        due.has_more = more.is_some();
        after = more;
        if after.is_none() {
            break;
        }
    }
    batches.sort_by_key(|(_, batch)| batch.due);
    let mut rooms: BTreeMap<String, RoomChanges> = BTreeMap::new();
    // A change of data is stored in a batch of its own, for one room.
    for (key, change) in batches
        .into_iter()
        .filter_map(|(key, mut batch)| Some((key, batch.changes.pop()?)))
    {
        let Some(room) = change.rooms.first() else {
            continue;
        };
        let changes = rooms.entry(room.clone()).or_default();
        let keys = changes.keys.entry(change.user.clone()).or_default();
        if keys.is_empty() {
            changes.users.push(change.user.clone());
        }
        keys.push(key);
        changes.last = Some(change);
    }
    let ledger = PresenceLedger {
        store: pending.store,
        clock: pending.clock,
    };
    for (room, mut changes) in rooms {
        // Read after the changes, so that data that is set meanwhile is announced now or by a later change.
        let values = ledger.values(&room, &changes.users).await?;
        let users = changes.users.into_iter().zip(values);
        let mut present = Vec::new();
        for (user, value) in users {
            match value {
                Some(value) => present.push((user, value.value.into())),
                // The user has left meanwhile.
                None => due
                    .keys
                    .extend(changes.keys.remove(&user).unwrap_or_default()),
            }
        }
        let others = present.split_off(fitting(&present));
        due.has_more |= !others.is_empty();
        for (user, _) in &present {
            due.keys
                .extend(changes.keys.remove(user).unwrap_or_default());
        }
        present.sort();
        if let Some(last) = changes.last.filter(|_| !present.is_empty()) {
            due.calls.push((announcement(&room, present), last));
        }
    }
    Ok(due)
}

/// Returns how many of the first users fit into a call: at least one.
fn fitting(users: &[(String, Box<str>)]) -> usize {
    let mut size = 0;
    let fits = users.iter().take_while(|(user, value)| {
        size += OVERHEAD + user.len() + value.len();
        size <= CALL_BYTES
    });
    fits.count().max(1).min(users.len())
}

fn announcement(room: &str, users: Vec<(String, Box<str>)>) -> Announcement {
    let (users, values) = users.into_iter().unzip();
    let room = room.to_owned();
    (PresenceChange { room, users }, values)
}

impl PresenceState {
    /// Stores that the data of a user in a room has changed, for the next announcement of the room.
    pub(crate) async fn change(
        &self,
        ledger: PresenceLedger<'_>,
        change: PendingChange,
    ) -> Result<(), StoreError> {
        let PresenceLedger { store, clock } = ledger;
        let room = change.rooms.first().map_or("", String::as_str);
        let (shard, due) = (Shard::of_data(room), clock.now() + DATA_WINDOW);
        let pending = PendingShard {
            store,
            clock,
            shard,
        };
        pending.add(due, &[change]).await?;
        self.added(shard, due);
        Ok(())
    }
}
