//! The record of an event's connection.

use crate::sender::Sender;
use crate::store::{Record, StoreError};
use crate::{ConnectionId, Timestamp};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The record of an event's connection, read when it is first asked for; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(Arc<Mutex<Option<Option<Record>>>>);

impl Known {
    /// What a removal returned: nothing will be read.
    pub(crate) fn removed(record: Option<Record>) -> Self {
        Self(Arc::new(Mutex::new(Some(record))))
    }

    /// The record of the connection that was opened `at`.
    pub(crate) async fn record(
        &self,
        sender: &Sender,
        id: &ConnectionId,
        at: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        let mut known = self.0.lock().await;
        if let Some(record) = &*known {
            return Ok(record.clone());
        }
        let record = sender.store().record(id, sender.now()).await?;
        let record = record.filter(|record| record.at == at);
        Ok(known.insert(record).clone())
    }

    /// Makes the next question read again, after a change.
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}
