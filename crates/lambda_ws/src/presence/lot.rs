//! Who is to be seen off after the grace: notes that wait for a task.

use super::Departure;
use crate::Timestamp;
use crate::sender::Clock;
use crate::store::{DynStore, StoreError};
use crate::task::new_id;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The namespaces of the notes, and of the calls for a task: none that an application's values can have.
const NOTES: &str = "left";
const CALLS: &str = "sweep";

/// How many lots there are: as many tasks wait at once at most, however many connections end. Each is a
/// partition's share of the writes.
const LOTS: u8 = 8;

/// How many bytes of departures are noted together.
const NOTE: usize = 24 * 1024;

/// How long a note is worth something: as long as Lambda keeps a task.
const MEMORY: Duration = Duration::from_secs(7 * 60 * 60);

/// How long a task that was called for is believed to come.
const BELIEF: Duration = Duration::from_secs(60);

/// How many notes are read or removed at once.
const AT_ONCE: usize = 16;

/// A share of those who are to be seen off.
///
/// Waiting costs: when thousands of connections end at once, thousands of tasks would each wait for the
/// grace, and take up the account's concurrency just when all of these clients come back. So departures
/// are noted, and one task a lot waits for all. Who notes calls for it, unless somebody has; the task
/// takes back the call before it reads: so either it reads a note, or the note's writer found no call.
#[derive(Clone, Copy)]
pub(crate) struct Lot<'a> {
    pub(crate) store: &'a dyn DynStore,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) number: u8,
}

/// Some who are to be seen off.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    /// When.
    pub(crate) due: Timestamp,
    pub(crate) departed: Vec<Departure>,
}

impl<'a> Lot<'a> {
    /// Any lot.
    pub(crate) fn any(store: &'a dyn DynStore, clock: &'a dyn Clock) -> Self {
        let number = fastrand::u8(..LOTS);
        Self {
            store,
            clock,
            number,
        }
    }

    /// Notes who is to be seen off when it is `due`.
    pub(crate) async fn note(
        &self,
        due: Timestamp,
        departed: &[Departure],
    ) -> Result<(), StoreError> {
        let expires = Some(self.expiry(MEMORY));
        for departed in parts(departed) {
            let key = format!("{}/{}", self.number, new_id());
            let departed = departed.to_vec();
            let note = serde_json::to_string(&Note { due, departed });
            let note = note.expect("strings and numbers are always JSON");
            let kept = self.store.write_value(NOTES, &key, &note, expires);
            kept.await?;
        }
        Ok(())
    }

    /// Calls for a task that comes when it is `due`. Whether nobody has before.
    pub(crate) async fn call(&self, due: Timestamp) -> Result<bool, StoreError> {
        let (now, key) = (self.clock.now(), self.number.to_string());
        let expires = Some(self.expiry((due - now) + BELIEF));
        self.store
            .insert_value(CALLS, &key, "true", expires, now)
            .await
    }

    /// Takes the call back.
    pub(crate) async fn uncall(&self) -> Result<(), StoreError> {
        let (now, key) = (self.clock.now(), self.number.to_string());
        self.store.delete_value(CALLS, &key, now).await.map(drop)
    }

    /// All notes, with their keys.
    pub(crate) async fn notes(&self) -> Result<Vec<(String, Note)>, StoreError> {
        let (prefix, now) = (format!("{}/", self.number), self.clock.now());
        let (mut notes, mut after) = (Vec::new(), None);
        loop {
            let keys = self
                .store
                .value_keys(NOTES, &prefix, after.as_deref(), now)
                .await?;
            let reads = keys.keys.into_iter().map(|key| async move {
                let found = self.store.read_value(NOTES, &key, now).await?;
                let note = found.and_then(|found| serde_json::from_str(&found.value).ok());
                Ok::<_, StoreError>(note.map(|note| (key, note)))
            });
            let reads = stream::iter(reads).buffer_unordered(AT_ONCE);
            let mut reads = std::pin::pin!(reads.try_filter_map(async |found| Ok(found)));
            while let Some(note) = reads.try_next().await? {
                notes.push(note);
            }
            match keys.next {
                Some(next) => after = Some(next),
                None => return Ok(notes),
            }
        }
    }

    /// Removes notes.
    pub(crate) async fn discard(&self, keys: Vec<String>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let removals = keys
            .into_iter()
            .map(|key| async move { self.store.delete_value(NOTES, &key, now).await.map(drop) });
        let removals = stream::iter(removals).buffer_unordered(AT_ONCE);
        removals.try_collect().await
    }

    fn expiry(&self, after: Duration) -> Timestamp {
        crate::store::value_expiry(self.clock.now(), after)
    }
}

/// Departures in parts that one note holds.
fn parts(mut departed: &[Departure]) -> impl Iterator<Item = &[Departure]> {
    std::iter::from_fn(move || {
        let mut size = 0;
        let fits = departed.iter().take_while(|departure| {
            size += departure.size();
            size <= NOTE
        });
        // One alone always does: a hundred rooms and their names fit into an item.
        let count = fits.count().max(1).min(departed.len());
        let (part, others) = departed.split_at(count);
        departed = others;
        (!part.is_empty()).then_some(part)
    })
}
