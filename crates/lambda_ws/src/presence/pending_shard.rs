//! Joins and departures that wait in the store until they are announced together.

use crate::clock::Clock;
use crate::random::{new_id, rng};
use crate::store::{DynStore, Entries, Record, StoreError};
use crate::{ConnectionId, Timestamp};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// The number of shards of each kind. Each is a partition of the table (1 000 writes a second), and at most
/// one task waits for each.
pub(crate) const SHARDS: u8 = 16;

/// The number of shards that the changes of one room are spread over: each announces the room's changes in
/// messages of its own, so few are better for the members, and many for the table.
const ROOM_SHARDS: u8 = 4;

/// The keys of batches begin with this.
const BATCH: &str = "batch/";

/// The key of the request for a sweep.
const REQUEST: &str = "request";

/// The largest batch, in bytes.
const BATCH_BYTES: usize = 24 * 1024;

/// How long a batch is kept: longer than Lambda keeps an asynchronous event (6 h).
const BATCH_TTL: Duration = Duration::from_secs(7 * 60 * 60);

/// How long after its time a requested sweep is still expected.
const SWEEP_DELAY: Duration = Duration::from_secs(60);

/// The number of batches that are read and announced together.
const PAGE: usize = 500;

/// What the changes of a shard are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChangeKind {
    Joined,
    Left,
}

/// A share of the pending changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Shard {
    pub(crate) kind: ChangeKind,
    pub(crate) number: u8,
}

impl Shard {
    /// One of the shards for changes of a room.
    pub(crate) fn of(kind: ChangeKind, room: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        room.hash(&mut hasher);
        let number = (hasher.finish() as u8).wrapping_add(rng().u8(..ROOM_SHARDS));
        let number = number % SHARDS;
        Self { kind, number }
    }

    fn namespace(self) -> String {
        match self.kind {
            ChangeKind::Joined => format!("joined:{}", self.number),
            ChangeKind::Left => format!("left:{}", self.number),
        }
    }
}

/// The pending changes of a shard.
///
/// When thousands of connections come or go at once, a task for each would take up the account's
/// concurrency, and a message for each would reach every other member: n² messages. So each event adds its
/// changes to a shard, and one task for each shard announces them together. An event that adds a
/// change requests a sweep, unless one is requested. The sweep withdraws that request before it reads. So either it reads a
/// change, or the writer of that change found no request.
#[derive(Clone, Copy)]
pub(crate) struct PendingShard<'a> {
    pub(crate) store: &'a dyn DynStore,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) shard: Shard,
}

/// Changes that were added together.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// When they are announced.
    pub(crate) due: Timestamp,
    pub(crate) changes: Vec<PendingChange>,
}

/// Some batches with their keys, and the key that the next ones follow.
pub(crate) type Batches = (Vec<(String, Batch)>, Option<String>);

impl PendingShard<'_> {
    /// Adds changes that are announced when they are `due`.
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

    /// Requests a sweep at `due`. `None`, if nobody has: the caller queues the task. Otherwise the time of
    /// the sweep that is requested already.
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

    /// Withdraws the request.
    pub(crate) async fn withdraw_request(&self) -> Result<(), StoreError> {
        let (namespace, now) = (self.shard.namespace(), self.clock.now());
        let deleted = self.store.delete_value(&namespace, REQUEST, now);
        deleted.await.map(drop)
    }

    /// Some of the batches, those after the key `after`.
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

    /// Removes batches.
    pub(crate) async fn discard(&self, keys: &[String]) -> Result<(), StoreError> {
        let (namespace, now) = (self.shard.namespace(), self.clock.now());
        self.store.delete_values(&namespace, keys, now).await
    }

    fn expiry(&self, after: Duration) -> Timestamp {
        crate::store::value_expiry(self.clock.now(), after)
    }
}

/// Changes in parts that fit into one batch each.
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

/// Rooms that a user's connection joined or left. A connection leaves all its rooms when it ends or is
/// found gone.
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
    /// The departure of a connection from all its rooms, if it belongs to a user and is in any room.
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

    /// The approximate size as JSON, in bytes.
    fn size(&self) -> usize {
        let rooms = self.rooms.iter().map(|room| room.len() + 3);
        128 + self.user.len() + rooms.sum::<usize>()
    }
}
