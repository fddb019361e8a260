//! The result of a broadcast.

use crate::ConnectionId;
use crate::error::SendError;
use crate::store::StoreError;
use crate::task::Remaining;
use std::time::Duration;

/// The result of a broadcast. Each connection is counted once, or is in `rest`.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Delivery {
    /// The number of connections that the message was sent to.
    pub sent: usize,
    /// The number of gone connections: two posts and GetConnection returned 410, or the connection has no record. See
    /// [gone connections](crate::Sender#gone-connections).
    pub gone: usize,
    /// The number of connections that were throttled at every attempt. A known [slow](crate::Sender#slow-clients)
    /// connection gets one attempt.
    pub throttled: usize,
    /// The number of connections that failed for another reason.
    pub failed: usize,
    /// The first [`Delivery::FAILURES`] connections that were throttled or failed, with their errors.
    pub failures: Vec<(ConnectionId, SendError)>,
    /// The remaining recipients, if no task continues with them: the deadline came first, or the store could not be
    /// read. [`Sender::resume`](crate::Sender::resume) continues with them.
    pub rest: Option<Remaining>,
    /// The number of tasks that continue with the remaining recipients.
    pub tasks: usize,
    /// The estimated time for the remaining recipients.
    pub eta: Duration,
    /// The error of the reads that failed.
    pub(crate) unread: Option<StoreError>,
}

impl Delivery {
    /// The maximum length of `failures`.
    pub const FAILURES: usize = 100;

    /// Returns the number of counted connections.
    pub fn audience(&self) -> usize {
        self.sent + self.gone + self.throttled + self.failed
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.gone += other.gone;
        self.throttled += other.throttled;
        self.failed += other.failed;
        let room = Self::FAILURES.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.into_iter().take(room));
        self.rest = other.rest;
        self.tasks += other.tasks;
        self.eta = other.eta;
        self.unread = other.unread;
    }

    pub(super) fn failure(&mut self, id: ConnectionId, error: SendError) {
        match error {
            SendError::Throttled => self.throttled += 1,
            _ => self.failed += 1,
        }
        if self.failures.len() < Self::FAILURES {
            self.failures.push((id, error));
        }
    }
}
