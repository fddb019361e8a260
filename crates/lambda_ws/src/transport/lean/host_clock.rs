//! The clock of the host.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// The minimum difference for a clock error: AWS accepts signatures of up to five minutes, and its SDKs assume four.
const TOLERANCE: Duration = Duration::from_secs(4 * 60);

/// This machine's clock, corrected by the host's clock, because signatures are valid for minutes.
#[derive(Debug, Default)]
pub(super) struct HostClock {
    ahead: AtomicI64,
}

impl HostClock {
    pub(super) fn now(&self) -> SystemTime {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let by = Duration::from_millis(ahead.unsigned_abs());
        let now = SystemTime::now();
        let corrected = match ahead {
            0.. => now.checked_add(by),
            _ => now.checked_sub(by),
        };
        corrected.unwrap_or(now)
    }

    /// Learns from a rejection with the header `Date: date` of a request that was signed at `signed`. Returns whether
    /// the clock may be the cause.
    pub(super) fn corrects(&self, date: SystemTime, signed: SystemTime) -> bool {
        if !differ(date, signed) {
            return false;
        }
        let millis = |by: Duration| i64::try_from(by.as_millis()).unwrap_or_default();
        let ahead = match date.duration_since(SystemTime::now()) {
            Ok(ahead) => millis(ahead),
            Err(behind) => -millis(behind.duration()),
        };
        self.ahead.store(ahead, Ordering::Relaxed);
        true
    }
}

/// Returns whether the difference of two clocks makes signatures fail.
pub(crate) fn differ(one: SystemTime, other: SystemTime) -> bool {
    let apart = match one.duration_since(other) {
        Ok(apart) => apart,
        Err(apart) => apart.duration(),
    };
    apart > TOLERANCE
}
