//! Values in memory.

use super::{Memory, PAGE};
use crate::Timestamp;
use crate::store::{Entries, KeyPage, KeyValueStore, StoreError, Value};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

#[derive(Debug, Default)]
pub(super) struct Kept {
    namespaces: HashMap<String, BTreeMap<String, Value>>,
    version: u64,
}

impl Kept {
    fn live(&self, namespace: &str, key: &str, now: Timestamp) -> Option<&Value> {
        let value = self.namespaces.get(namespace)?.get(key)?;
        is_live(value, now).then_some(value)
    }

    fn put(&mut self, namespace: &str, key: &str, value: &str, expires: Option<Timestamp>) -> u64 {
        self.version += 1;
        let value = Value {
            value: value.to_owned(),
            version: self.version,
            expires,
        };
        let values = self.namespaces.entry(namespace.to_owned()).or_default();
        values.insert(key.to_owned(), value);
        self.version
    }

    fn remove(&mut self, namespace: &str, key: &str, now: Timestamp) -> Option<Value> {
        let values = self.namespaces.get_mut(namespace)?;
        let removed = values.remove(key);
        if values.is_empty() {
            self.namespaces.remove(namespace);
        }
        removed.filter(|value| is_live(value, now))
    }
}

fn is_live(value: &Value, now: Timestamp) -> bool {
    value.expires.is_none_or(|expires| expires > now)
}

impl KeyValueStore for Memory {
    async fn read(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Value>, StoreError> {
        Ok(self.tables().values.live(namespace, key, now).cloned())
    }

    async fn write(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        Ok(self.tables().values.put(namespace, key, value, expires))
    }

    async fn replace(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
        version: Option<u64>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let values = &mut self.tables().values;
        let found = values.live(namespace, key, now);
        if found.map(|found| found.version) != version {
            return Err(StoreError::Conflict);
        }
        Ok(values.put(namespace, key, value, expires))
    }

    async fn delete(&self, namespace: &str, key: &str, now: Timestamp) -> Result<bool, StoreError> {
        let removed = self.tables().values.remove(namespace, key, now);
        Ok(removed.is_some())
    }

    async fn delete_if(
        &self,
        namespace: &str,
        key: &str,
        version: u64,
    ) -> Result<bool, StoreError> {
        let values = &mut self.tables().values;
        let found = values.namespaces.get(namespace).and_then(|n| n.get(key));
        if found.is_none_or(|found| found.version != version) {
            return Ok(false);
        }
        values.remove(namespace, key, Timestamp::default());
        Ok(true)
    }

    async fn take(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let removed = self.tables().values.remove(namespace, key, now);
        Ok(removed.map(|taken| taken.value))
    }

    async fn keys(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        now: Timestamp,
    ) -> Result<KeyPage, StoreError> {
        let Entries { entries, next } = self.entries(namespace, prefix, after, PAGE, now).await?;
        let keys = entries.into_iter().map(|(key, _)| key).collect();
        Ok(KeyPage { keys, next })
    }

    async fn entries(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        most: usize,
        now: Timestamp,
    ) -> Result<Entries, StoreError> {
        let tables = self.tables();
        let Some(values) = tables.values.namespaces.get(namespace) else {
            return Ok(Entries::default());
        };
        let from = match after {
            Some(key) => Bound::Excluded(key),
            None => Bound::Included(prefix),
        };
        let most = most.clamp(1, PAGE);
        let mut entries: Vec<_> = values
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(_, value)| is_live(value, now))
            .map(|(key, value)| (key.clone(), value.clone()))
            .take(most + 1)
            .collect();
        let more = entries.len() > most;
        entries.truncate(most);
        let next = entries.last().filter(|_| more).map(|(key, _)| key.clone());
        Ok(Entries { entries, next })
    }
}
