//! The result of a broadcast.

use crate::ConnectionId;
use crate::error::SendError;
use crate::store::StoreError;
use crate::task::Remaining;
use std::time::Duration;

/// The result of a broadcast. Each connection is counted once, or is in the rest.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Delivery {
    /// How many it was sent to.
    pub sent: usize,
    /// How many were gone.
    pub gone: usize,
    /// How many were throttled at every attempt. A connection that is known to be
    /// [slow](crate::Sender#slow-clients) gets one attempt.
    pub throttled: usize,
    /// How many could not be sent to for any other reason.
    pub failed: usize,
    /// The first [`Delivery::FAILURES`] connections that were throttled or failed, and why.
    pub failures: Vec<(ConnectionId, SendError)>,
    /// The remaining recipients, if no task goes on with them: the event's deadline came first, or the store could not
    /// be read. [`Sender::resume`](crate::Sender::resume) sends to them.
    pub rest: Option<Remaining>,
    /// How many tasks go on with the remaining recipients.
    pub tasks: usize,
    /// How long what is left will take, about.
    pub eta: Duration,
    /// Why not all could be read.
    pub(crate) unread: Option<StoreError>,
}

impl Delivery {
    /// How many failures are kept.
    pub const FAILURES: usize = 100;

    /// How many connections are counted.
    pub fn audience(&self) -> usize {
        self.sent + self.gone + self.throttled + self.failed
    }

    /// The sum of this and what became of the rest.
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
