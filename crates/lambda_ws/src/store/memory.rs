//! The connection store in memory.

mod log;
mod values;

use super::log::{History, Recovery, Tails};
use super::{MAX_ROOMS, Page, Record, Scope, Slice, Store, StoreError};
use crate::sync::lock;
use crate::{ConnectionId, Position, Timestamp};
use lambda_ws_protocol::table_layout;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Stores connections in the process, for tests and for functions that need no connections beyond the life of a
/// process. Clones share their data.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Tables>>, Arc<Tails>);

#[derive(Debug, Default)]
struct Tables {
    records: HashMap<ConnectionId, Record>,
    members: HashMap<Scope, BTreeMap<(u8, ConnectionId), Timestamp>>,
    values: values::Kept,
    logs: log::Logs,
}

const PAGE: usize = 1000;

impl Memory {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a member without a record, as an interrupted removal leaves it.
    #[cfg(test)]
    pub(crate) fn add_member(&self, scope: &Scope, record: &Record) {
        self.tables().add(scope.clone(), &record.id, record.expires);
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        lock(&self.0)
    }
}

impl Tables {
    fn live(&mut self, id: &ConnectionId, at: Timestamp) -> Result<&mut Record, StoreError> {
        let record = self.records.get_mut(id);
        record
            .filter(|record| record.at == at && !record.gone)
            .ok_or(StoreError::NotConnected)
    }

    fn add(&mut self, scope: Scope, id: &ConnectionId, expires: Timestamp) {
        let members = self.members.entry(scope).or_default();
        members.insert((table_layout::hash(id), id.clone()), expires);
    }

    fn take(&mut self, scope: &Scope, id: &ConnectionId) {
        if let Some(members) = self.members.get_mut(scope) {
            members.remove(&(table_layout::hash(id), id.clone()));
            if members.is_empty() {
                self.members.remove(scope);
            }
        }
    }

    fn take_all(&mut self, record: &Record) {
        for scope in record.scopes().chain([Scope::Everyone]) {
            self.take(&scope, &record.id);
        }
    }
}

impl Store for Memory {
    async fn register(&self, record: &Record) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if let Some(old) = tables.records.insert(record.id.clone(), record.clone()) {
            tables.take_all(&old);
        }
        for scope in record.scopes().chain([Scope::Everyone]) {
            tables.add(scope, &record.id, record.expires);
        }
        Ok(())
    }

    async fn record(
        &self,
        id: &ConnectionId,
        now: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        let record = self.tables().records.get(id).cloned();
        Ok(record.filter(|record| record.expires > now))
    }

    async fn records(
        &self,
        ids: &[ConnectionId],
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let tables = self.tables();
        let records = ids.iter().filter_map(|id| tables.records.get(id));
        Ok(records.filter(|r| r.expires > now).cloned().collect())
    }

    async fn remove(&self, id: &ConnectionId, at: Timestamp) -> Result<Option<Record>, StoreError> {
        let mut tables = self.tables();
        if tables.records.get(id).is_none_or(|record| record.at != at) {
            return Ok(None);
        }
        let record = tables.records.remove(id);
        if let Some(record) = &record {
            tables.take_all(record);
        }
        Ok(record)
    }

    async fn mark_gone(&self, id: &ConnectionId, at: Timestamp) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Ok(record) = tables.live(id, at) else {
            return Ok(false);
        };
        record.gone = true;
        let record = record.clone();
        tables.take_all(&record);
        Ok(true)
    }

    async fn join(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        room: &str,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let record = tables.live(id, at)?;
        if record.rooms.len() >= MAX_ROOMS && !record.rooms.contains(room) {
            return Err(StoreError::TooManyRooms);
        }
        record.rooms.insert(room.to_owned());
        tables.add(Scope::Room(room.to_owned()), id, expires);
        Ok(())
    }

    async fn leave(&self, id: &ConnectionId, at: Timestamp, room: &str) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if let Ok(record) = tables.live(id, at) {
            record.rooms.remove(room);
            tables.take(&Scope::Room(room.to_owned()), id);
        }
        Ok(())
    }

    async fn switch_room(&self, record: &Record, room: &str) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let current = tables.live(&record.id, record.at)?;
        if current.rooms != record.rooms {
            return Err(StoreError::Conflict);
        }
        current.rooms = BTreeSet::from([room.to_owned()]);
        for left in record.rooms.iter().filter(|left| *left != room) {
            tables.take(&Scope::Room(left.clone()), &record.id);
        }
        tables.add(Scope::Room(room.to_owned()), &record.id, record.expires);
        Ok(())
    }

    async fn save(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        session: &str,
        version: u64,
    ) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let record = tables.live(id, at)?;
        if record.version != version {
            return Err(StoreError::Conflict);
        }
        record.version += 1;
        record.session = Some(session.to_owned());
        Ok(record.version)
    }

    async fn mark_seen(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        now: Timestamp,
        interval: Duration,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let record = tables.live(id, at)?;
        if record
            .seen
            .is_none_or(|seen| seen <= Record::replaceable_mark(now, interval))
        {
            record.seen = Some(now);
        }
        Ok(())
    }

    async fn page(
        &self,
        scope: &Scope,
        slice: Slice,
        after: Option<&ConnectionId>,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let tables = self.tables();
        let Some(members) = tables.members.get(scope) else {
            return Ok(Page::default());
        };
        let from = match after {
            Some(id) => Bound::Excluded((table_layout::hash(id), id.clone())),
            None => Bound::Included((slice.from, ConnectionId::from(""))),
        };
        let mut ids: Vec<ConnectionId> = members
            .range((from, Bound::Unbounded))
            .take_while(|((hash, _), _)| *hash <= slice.to)
            .filter(|(_, expires)| **expires > now)
            .map(|((_, id), _)| id.clone())
            .take(PAGE + 1)
            .collect();
        let more = ids.len() > PAGE;
        ids.truncate(PAGE);
        let next = ids.last().filter(|_| more).cloned();
        Ok(Page { ids, next })
    }

    async fn forget(&self, scope: &Scope, id: &ConnectionId) -> Result<(), StoreError> {
        self.tables().take(scope, id);
        Ok(())
    }

    async fn append(
        &self,
        room: &str,
        data: &str,
        history: &History,
        now: Timestamp,
    ) -> Result<Position, StoreError> {
        super::log::append(self, &self.1, room, data, history, now).await
    }

    async fn since(
        &self,
        room: &str,
        since: Option<&Position>,
        history: &History,
        now: Timestamp,
    ) -> Result<Recovery, StoreError> {
        super::log::since(self, room, since, history, now).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_is_a_store() {
        super::super::conformance(&Memory::new()).await;
    }
}
