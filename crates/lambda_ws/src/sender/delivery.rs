//! What became of a message to many.

use crate::ConnectionId;
use crate::send_error::SendError;

/// What became of a message to many: each connection is counted once.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Delivery {
    /// How many it was sent to.
    pub sent: usize,
    /// How many were gone.
    pub gone: usize,
    /// How many were throttled at every attempt.
    pub throttled: usize,
    /// How many could not be sent to for any other reason.
    pub failed: usize,
    /// The first [`Delivery::FAILURES`] connections that were throttled or failed, and why.
    pub failures: Vec<(ConnectionId, SendError)>,
}

impl Delivery {
    /// How many failures are kept.
    pub const FAILURES: usize = 100;

    /// How many connections there were.
    pub fn audience(&self) -> usize {
        self.sent + self.gone + self.throttled + self.failed
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
