//! The record of an event's connection.

use crate::sender::Sender;
use crate::store::{Record, StoreError};
use crate::{ConnectionId, Timestamp};
use std::sync::{Arc, OnceLock};
use tokio::sync::Mutex;

/// The record of an event's connection, read when it is first asked for; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordCache(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    record: Mutex<Option<Option<Record>>>,
    /// The user never changes.
    user: OnceLock<Option<String>>,
}

impl RecordCache {
    /// What a removal returned: nothing will be read.
    pub(crate) fn removed(record: Option<Record>) -> Self {
        Self(Arc::new(Parts {
            record: Mutex::new(Some(record)),
            ..Parts::default()
        }))
    }

    /// The record of the connection that was opened `at`.
    pub(crate) async fn record(
        &self,
        sender: &Sender,
        id: &ConnectionId,
        at: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        let mut known = self.0.record.lock().await;
        if let Some(record) = &*known {
            return Ok(record.clone());
        }
        let record = sender.store().record(id, sender.now()).await?;
        let record = record.filter(|record| record.at == at);
        if let Some(record) = &record {
            self.0.user.get_or_init(|| record.user.clone());
        }
        Ok(known.insert(record).clone())
    }

    /// Makes the next question read again, after a change.
    pub(crate) async fn forget(&self) {
        *self.0.record.lock().await = None;
    }

    /// The user of the connection that was opened `at`, if it is one's and still registered.
    pub(crate) async fn user(
        &self,
        sender: &Sender,
        id: &ConnectionId,
        at: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        if let Some(user) = self.0.user.get() {
            return Ok(user.clone());
        }
        let record = self.record(sender, id, at).await?;
        Ok(record.and_then(|record| record.user))
    }
}
