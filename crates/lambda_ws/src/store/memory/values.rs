//! Values in the process.

use super::Memory;
use crate::Timestamp;
use crate::store::{StoreError, Values};
use std::collections::HashMap;

/// The values by namespace and key, with the time they expire.
pub(super) type Kept = HashMap<(String, String), (String, Option<Timestamp>)>;

fn live(expires: Option<Timestamp>, now: Timestamp) -> bool {
    expires.is_none_or(|expires| expires > now)
}

impl Values for Memory {
    async fn insert(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let key = (namespace.to_owned(), key.to_owned());
        if tables.values.get(&key).is_some_and(|(_, e)| live(*e, now)) {
            return Ok(false);
        }
        tables.values.insert(key, (value.to_owned(), expires));
        Ok(true)
    }

    async fn take(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let key = (namespace.to_owned(), key.to_owned());
        let taken = self.tables().values.remove(&key);
        let taken = taken.filter(|(_, expires)| live(*expires, now));
        Ok(taken.map(|(value, _)| value))
    }
}
