//! The clock, which tests replace.

use crate::{ConnectionId, Timestamp};
use futures_util::future::BoxFuture;
use std::time::Duration;

/// A source of time and pauses.
pub(crate) trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;

    /// Waits before a retry with a connection.
    fn pause(&self, duration: Duration, _: &ConnectionId) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
