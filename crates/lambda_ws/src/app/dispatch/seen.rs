//! The marks of clients that were seen.

use crate::connection::RecordCache;
use crate::context::Context;
use crate::sender::{Recent, Sender};
use crate::store::StoreError;
use crate::sync::lock;
use crate::{ConnectionId, Timestamp};
use futures_util::future::BoxFuture;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// The number of connections whose marks a process knows, at least and at most twice as many.
const KNOWN: usize = 10_000;

/// Stores when clients were last seen, at most once per connection and interval.
pub(super) struct SeenMarks {
    interval: Duration,
    /// The marks of connections that this process has written or read.
    known: Mutex<Recent<ConnectionId, Timestamp>>,
}

impl SeenMarks {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            known: Mutex::new(Recent::new(interval, KNOWN)),
        }
    }

    /// Returns the work that marks the client of a message, if its mark may be due. It runs after the handler.
    pub(super) fn mark(
        self: &Arc<Self>,
        context: &Context,
        record_cache: &RecordCache,
        sender: &Sender,
    ) -> Option<BoxFuture<'static, ()>> {
        let (id, at, now) = (
            context.connection_id(),
            context.connected_at(),
            sender.now(),
        );
        // A new connection was seen when it opened.
        if now - at < self.interval || !self.takes_turn(id, now) {
            return None;
        }
        let (this, id) = (self.clone(), id.clone());
        let (record_cache, sender) = (record_cache.clone(), sender.clone());
        Some(Box::pin(async move {
            match this.write(&id, at, now, &record_cache, &sender).await {
                Ok(()) | Err(StoreError::NotConnected) => {}
                Err(error) => warn!(
                    connection = %id,
                    error = &error as &dyn Error,
                    "the time when a client was last seen could not be stored; the next interval stores it"
                ),
            }
        }))
    }

    /// Returns whether no message of this process has marked the connection in this interval. A failed mark counts: a
    /// throttled table must not get more requests.
    fn takes_turn(&self, id: &ConnectionId, now: Timestamp) -> bool {
        let mut known = lock(&self.known);
        let instant = Instant::now();
        let is_due = known
            .get(id, instant)
            .is_none_or(|mark| now - mark >= self.interval);
        if is_due {
            known.insert(id.clone(), now, instant);
        }
        is_due
    }

    async fn write(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        now: Timestamp,
        record_cache: &RecordCache,
        sender: &Sender,
    ) -> Result<(), StoreError> {
        let record = record_cache.read(sender, id, at).await?;
        let Some(record) = record.filter(|record| !record.gone) else {
            return Ok(());
        };
        let last = record.last_seen();
        if now - last >= self.interval {
            return sender.store().mark_seen(id, at, now, self.interval).await;
        }
        // Another process has marked it.
        lock(&self.known).insert(id.clone(), last, Instant::now());
        Ok(())
    }
}
