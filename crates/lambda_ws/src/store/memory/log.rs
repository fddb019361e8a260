//! Logs of rooms in the process.

use super::Memory;
use crate::store::StoreError;
use crate::store::log::{Entry, LogTable, Newest, Part, Written};
use crate::{Position, Timestamp};
use std::collections::{BTreeMap, HashMap};

/// The logs by room.
pub(super) type Logs = HashMap<String, Log>;

/// The log of a room.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The last epoch.
    head: Option<String>,
    entries: BTreeMap<Position, Entry>,
}

impl Log {
    fn add(&mut self, entry: &Entry) {
        self.remove_expired(entry.at);
        self.entries.insert(entry.position.clone(), entry.clone());
    }

    /// Removes entries from the oldest one on, up to the first that has not expired.
    fn remove_expired(&mut self, now: Timestamp) {
        while let Some(first) = self.entries.first_entry()
            && first.get().expires <= now
        {
            first.remove();
        }
    }
}

impl LogTable for Memory {
    async fn newest(&self, room: &str) -> Result<Newest, StoreError> {
        let tables = self.tables();
        let Some(log) = tables.logs.get(room) else {
            return Ok(Newest::Nothing);
        };
        Ok(match (log.entries.last_key_value(), &log.head) {
            (Some((_, entry)), _) => Newest::Entry(entry.clone()),
            (None, Some(epoch)) => Newest::Head(epoch.clone()),
            (None, None) => Newest::Nothing,
        })
    }

    async fn part(&self, room: &str, from: &Position, most: usize) -> Result<Part, StoreError> {
        let tables = self.tables();
        let Some(log) = tables.logs.get(room) else {
            return Ok(Part::default());
        };
        let mut entries = log.entries.range(from.clone()..).map(|(_, entry)| entry);
        let part: Vec<_> = entries.by_ref().take(most).cloned().collect();
        Ok(Part {
            entries: part,
            more: entries.next().is_some(),
        })
    }

    async fn put(&self, room: &str, entry: &Entry) -> Result<Written<Entry>, StoreError> {
        let mut tables = self.tables();
        let log = tables.logs.entry(room.to_owned()).or_default();
        if let Some(found) = log.entries.get(&entry.position) {
            return Ok(Written::Refused(found.clone()));
        }
        log.add(entry);
        Ok(Written::Done)
    }

    async fn begin(
        &self,
        room: &str,
        former: Option<&str>,
        end: Option<&Entry>,
        first: &Entry,
    ) -> Result<Written<Option<String>>, StoreError> {
        let mut tables = self.tables();
        let log = tables.logs.entry(room.to_owned()).or_default();
        let is_continued = end.is_some_and(|end| log.entries.contains_key(&end.position));
        let is_replaced = log.head.is_some() && log.head.as_deref() != former;
        if is_continued || is_replaced {
            return Ok(Written::Refused(log.head.clone()));
        }
        log.head = Some(first.position.epoch.clone());
        end.into_iter().for_each(|end| log.add(end));
        log.add(first);
        Ok(Written::Done)
    }
}
