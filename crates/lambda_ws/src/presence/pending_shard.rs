//! The stored joins and departures that are announced together.

use crate::clock::Clock;
use crate::random::{new_id, rng};
use crate::store::{DynStore, Entries, Record, StoreError};
use crate::{ConnectionId, Timestamp};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// The number of shards of each kind. Each is a partition of the table (1 000 writes per second), with at most one
/// waiting task.
pub(crate) const SHARDS: u8 = 16;

/// The number of shards for the changes of one room. Each shard announces its changes separately, so few shards mean
/// fewer messages, and many shards mean more throughput.
const ROOM_SHARDS: u8 = 4;

const BATCH: &str = "batch/";

const REQUEST: &str = "request";

const BATCH_BYTES: usize = 24 * 1024;

/// How long a batch is stored: longer than Lambda keeps an asynchronous event (6 h).
const BATCH_TTL: Duration = Duration::from_secs(7 * 60 * 60);

const SWEEP_DELAY: Duration = Duration::from_secs(60);

/// The number of batches that are read and announced together.
const PAGE: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChangeKind {
    Joined,
    Left,
    /// The data of a user has changed.
    Changed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Shard {
    pub(crate) kind: ChangeKind,
    pub(crate) number: u8,
}

impl Shard {
    /// Returns the shard for new changes of a room.
    pub(crate) fn of(kind: ChangeKind, room: &str) -> Self {
        let number = hash(room).wrapping_add(rng().u8(..ROOM_SHARDS));
        let number = number % SHARDS;
        Self { kind, number }
    }

    /// Returns the shard for new data of users in a room. A room has only one, because each shard announces separately.
    pub(crate) fn of_data(room: &str) -> Self {
        let (kind, number) = (ChangeKind::Changed, hash(room) % SHARDS);
        Self { kind, number }
    }

    fn namespace(self) -> String {
        match self.kind {
            ChangeKind::Joined => format!("joined:{}", self.number),
            ChangeKind::Left => format!("left:{}", self.number),
            ChangeKind::Changed => format!("changed:{}", self.number),
        }
    }
}

fn hash(room: &str) -> u8 {
    let mut hasher = DefaultHasher::new();
    room.hash(&mut hasher);
    hasher.finish() as u8
}

/// The pending changes of a shard.
///
/// If each of thousands of changes had its own task, the tasks would use up the account's concurrency. If each had
/// its own broadcast, every other member would get it: n² messages. So each event adds its changes to a shard, and
/// one task for each shard announces them together. An event that adds a change requests a sweep, unless one is
/// requested. The sweep withdraws the request when it finds no more changes, and then reads again. So it either reads a
/// change, or the writer of that change found no request. As long as the request exists, no other sweep of the shard
/// runs.
#[derive(Clone, Copy)]
pub(crate) struct PendingShard<'a> {
    pub(crate) store: &'a dyn DynStore,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) shard: Shard,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Batch {
    pub(crate) due: Timestamp,
    pub(crate) changes: Vec<PendingChange>,
}

/// Some batches with their keys, and the cursor of the next ones.
pub(crate) type Batches = (Vec<(String, Batch)>, Option<String>);

impl PendingShard<'_> {
    /// Adds changes that are `due` for announcement at a time.
    pub(crate) async fn add(
        &self,
        due: Timestamp,
        changes: &[PendingChange],
    ) -> Result<(), StoreError> {
        let namespace = self.shard.namespace();
        let expires = Some(self.expiry(BATCH_TTL));
        for changes in parts(changes) {
            let key = format!("{BATCH}{}", new_id());
            let changes = changes.to_vec();
            let batch = serde_json::to_string(&Batch { due, changes });
            let batch = batch.expect("strings and numbers are always JSON");
            let written = self.store.write_value(&namespace, &key, &batch, expires);
            written.await?;
        }
        Ok(())
    }

    /// Requests a sweep at `due`. Returns `None` if the caller must queue the task, or the time of the sweep that is
    /// already requested.
    pub(crate) async fn request(&self, due: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let (namespace, now) = (self.shard.namespace(), self.clock.now());
        let expires = Some(self.expiry((due - now) + SWEEP_DELAY));
        let value = due.millis().to_string();
        let inserted = self
            .store
            .insert_value(&namespace, REQUEST, &value, expires, now);
        if inserted.await? {
            return Ok(None);
        }
        let found = self.store.read_value(&namespace, REQUEST, now).await?;
        let due = found.and_then(|found| found.value.parse().ok());
        Ok(Some(due.map_or(now, Timestamp::from_millis)))
    }

    /// Keeps the request of a running sweep, which continues at `due`, so that no other sweep of the shard starts.
    pub(crate) async fn renew_request(&self, due: Timestamp) -> Result<(), StoreError> {
        let (namespace, value) = (self.shard.namespace(), due.millis().to_string());
        let expires = Some(self.expiry((due - self.clock.now()) + SWEEP_DELAY));
        let written = self.store.write_value(&namespace, REQUEST, &value, expires);
        written.await.map(drop)
    }

    pub(crate) async fn withdraw_request(&self) -> Result<(), StoreError> {
        let (namespace, now) = (self.shard.namespace(), self.clock.now());
        let deleted = self.store.delete_value(&namespace, REQUEST, now);
        deleted.await.map(drop)
    }

    /// Returns some of the batches after the key `after`.
    pub(crate) async fn batches(&self, after: Option<&str>) -> Result<Batches, StoreError> {
        let (namespace, now) = (self.shard.namespace(), self.clock.now());
        let page = self
            .store
            .value_entries(&namespace, BATCH, after, PAGE, now);
        let Entries { entries, next } = page.await?;
        let batches = entries.into_iter().filter_map(|(key, found)| {
            let batch = serde_json::from_str(&found.value).ok()?;
            Some((key, batch))
        });
        Ok((batches.collect(), next))
    }

    /// Returns the time when the next change is due.
    pub(crate) async fn next(&self) -> Result<Option<Timestamp>, StoreError> {
        let (mut next, mut after) = (None, None);
        loop {
            let (batches, more) = self.batches(after.as_deref()).await?;
            let first = batches.iter().map(|(_, batch)| batch.due).min();
            next = next.into_iter().chain(first).min();
            // A change of the past is at least as early as all others need.
            if more.is_none() || next.is_some_and(|next| next <= self.clock.now()) {
                return Ok(next);
            }
            after = more;
        }
    }

    pub(crate) async fn discard(&self, keys: &[String]) -> Result<(), StoreError> {
        let (namespace, now) = (self.shard.namespace(), self.clock.now());
        self.store.delete_values(&namespace, keys, now).await
    }

    fn expiry(&self, after: Duration) -> Timestamp {
        crate::store::value_expiry(self.clock.now(), after)
    }
}

fn parts(mut changes: &[PendingChange]) -> impl Iterator<Item = &[PendingChange]> {
    std::iter::from_fn(move || {
        let mut size = 0;
        let fits = changes.iter().take_while(|change| {
            size += change.size();
            size <= BATCH_BYTES
        });
        // A single change always fits: a hundred rooms and their names are smaller than a value.
        let count = fits.count().max(1).min(changes.len());
        let (part, others) = changes.split_at(count);
        changes = others;
        (!part.is_empty()).then_some(part)
    })
}

/// The rooms that a user's connection joined or left. A connection leaves all its rooms when it disconnects or is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingChange {
    pub(crate) id: ConnectionId,
    pub(crate) at: Timestamp,
    /// The API and the stage, as `<apiId>/<stage>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<String>,
    pub(crate) user: String,
    pub(crate) rooms: Vec<String>,
}

impl PendingChange {
    /// Returns the departure of a connection from all its rooms, if it has a user and a room.
    pub(crate) fn departure(record: &Record) -> Option<Self> {
        let user = record.user.clone()?;
        (!record.rooms.is_empty()).then(|| Self {
            id: record.id.clone(),
            at: record.at,
            api: Some(record.api.clone()),
            user,
            rooms: record.rooms.iter().cloned().collect(),
        })
    }

    /// Returns the change of the data of a user in a room. It belongs to no connection, but an id must not be empty.
    pub(crate) fn of_data(api: Option<String>, room: String, user: String, at: Timestamp) -> Self {
        Self {
            id: ConnectionId::from("-"),
            at,
            api,
            user,
            rooms: vec![room],
        }
    }

    fn size(&self) -> usize {
        let rooms = self.rooms.iter().map(|room| room.len() + 3);
        128 + self.user.len() + rooms.sum::<usize>()
    }
}
