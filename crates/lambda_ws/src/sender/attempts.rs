//! When something is tried again.

use crate::send_error::SendError;
use std::time::Duration;

/// The pauses before another attempt after a failure that may pass, each with jitter.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(600),
];

/// The attempts to reach one connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Attempts {
    pauses: usize,
    at_once: bool,
}

impl Attempts {
    /// How long to wait for another attempt after this failure, if there is to be one.
    pub(super) fn another(&mut self, failure: &SendError) -> Option<Duration> {
        if !failure.is_passing() {
            return None;
        }
        if matches!(failure, SendError::Unavailable(_)) && !self.at_once {
            // A frozen environment wakes up with dead sockets: a fresh one may do.
            self.at_once = true;
            return Some(Duration::ZERO);
        }
        let pause = PAUSES.get(self.pauses)?;
        self.pauses += 1;
        Some(pause.mul_f32(0.5 + fastrand::f32()))
    }
}
