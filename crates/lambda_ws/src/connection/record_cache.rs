//! The record of an event's connection.

use crate::sender::Sender;
use crate::store::{Record, StoreError};
use crate::{ConnectionId, Timestamp};
use std::sync::{Arc, OnceLock};
use tokio::sync::Mutex;

/// The record of an event's connection, read at its first use; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordCache(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    record: Mutex<Option<Option<Record>>>,
    user: OnceLock<Option<String>>,
}

impl RecordCache {
    pub(crate) fn removed(record: Option<Record>) -> Self {
        Self(Arc::new(Parts {
            record: Mutex::new(Some(record)),
            ..Parts::default()
        }))
    }

    /// Returns the record of the connection that was opened `at`.
    pub(crate) async fn read(
        &self,
        sender: &Sender,
        id: &ConnectionId,
        at: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        let mut cached = self.0.record.lock().await;
        if let Some(record) = &*cached {
            return Ok(record.clone());
        }
        let record = sender.store().record(id, sender.now()).await?;
        let record = record.filter(|record| record.at == at);
        if let Some(record) = &record {
            self.0.user.get_or_init(|| record.user.clone());
        }
        Ok(cached.insert(record).clone())
    }

    /// Makes the next use read the record again, after a change.
    pub(crate) async fn invalidate(&self) {
        *self.0.record.lock().await = None;
    }

    /// Returns the user of the connection that was opened `at`, if it has one and is still registered.
    pub(crate) async fn user(
        &self,
        sender: &Sender,
        id: &ConnectionId,
        at: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        if let Some(user) = self.0.user.get() {
            return Ok(user.clone());
        }
        let record = self.read(sender, id, at).await?;
        Ok(record.and_then(|record| record.user))
    }
}
