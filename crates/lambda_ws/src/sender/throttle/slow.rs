//! Slow clients.

use super::super::recent::Recent;
use crate::ConnectionId;
use crate::sync::lock;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// The default time after which a slow connection is closed (`SLOW_CLOSE`).
pub(crate) const SLOW_CLOSE: Duration = Duration::from_secs(60);

/// How long a slow connection is remembered after its last 429. 10 000 take about 1 MB.
const MEMORY: Duration = Duration::from_secs(5 * 60);
const MOST: usize = 10_000;

/// The longest time without a 429 for a connection that stays slow. Another process may have reached it meanwhile.
const GAP: Duration = Duration::from_secs(10);

/// The slow connections of a process: throttled at all attempts while other requests succeeded.
///
/// API Gateway returns 429 if the buffer of one client is full (conformance G6). Retries do not help such a client,
/// but they delay the event. A slow connection therefore gets one attempt.
#[derive(Debug)]
pub(crate) struct SlowClients {
    /// How long a connection is slow before it is closed, if ever.
    close: Option<Duration>,
    hasher: RandomState,
    known: Mutex<Recent<u64, Slow>>,
}

#[derive(Debug, Clone, Copy)]
struct Slow {
    first: Instant,
    last: Instant,
    /// The last one by the wall clock: the other clock may stand still while Lambda freezes the process.
    seen: SystemTime,
}

impl Slow {
    /// Whether the last 429 was a moment ago.
    fn is_in_a_row(self, now: Instant, wall: SystemTime) -> bool {
        let by_wall = wall.duration_since(self.seen).unwrap_or_default();
        now.saturating_duration_since(self.last).max(by_wall) <= GAP
    }
}

impl SlowClients {
    /// Creates a memory that closes connections after this time, or never.
    pub(crate) fn new(close: Option<Duration>) -> Self {
        Self {
            close,
            hasher: RandomState::new(),
            known: Mutex::new(Recent::new(MEMORY, MOST)),
        }
    }

    pub(in crate::sender) fn add(&self, id: &ConnectionId, now: Instant) {
        let slow = Slow {
            first: now,
            last: now,
            seen: SystemTime::now(),
        };
        self.lock().insert(self.key(id), slow, now);
    }

    /// Records another 429 of a connection, and returns whether it is known as slow.
    pub(in crate::sender) fn throttled(&self, id: &ConnectionId, now: Instant) -> bool {
        self.throttled_at(id, now, SystemTime::now())
    }

    fn throttled_at(&self, id: &ConnectionId, now: Instant, wall: SystemTime) -> bool {
        let (key, mut known) = (self.key(id), self.lock());
        let Some(slow) = known.get(&key, now) else {
            return false;
        };
        let first = match slow.is_in_a_row(now, wall) {
            true => slow.first,
            false => now,
        };
        let slow = Slow {
            first,
            last: now,
            seen: wall,
        };
        known.insert(key, slow, now);
        true
    }

    /// Returns whether a connection has been slow for so long that it must be closed.
    pub(in crate::sender) fn is_overdue(&self, id: &ConnectionId, now: Instant) -> bool {
        self.is_overdue_at(id, now, SystemTime::now())
    }

    fn is_overdue_at(&self, id: &ConnectionId, now: Instant, wall: SystemTime) -> bool {
        let Some(close) = self.close else {
            return false;
        };
        self.lock().get(&self.key(id), now).is_some_and(|slow| {
            slow.is_in_a_row(now, wall) && now.saturating_duration_since(slow.first) >= close
        })
    }

    /// Moves slow connections to the front of a queue that is processed from its end.
    pub(in crate::sender) fn defer(&self, queue: &mut [ConnectionId], now: Instant) {
        let mut known = self.lock();
        if !known.is_empty() {
            queue.sort_by_cached_key(|id| known.get(&self.key(id), now).is_none());
        }
    }

    /// Removes a connection that accepts messages again or is closed.
    pub(in crate::sender) fn remove(&self, id: &ConnectionId) {
        let mut known = self.lock();
        if !known.is_empty() {
            known.remove(&self.key(id));
        }
    }

    fn key(&self, id: &ConnectionId) -> u64 {
        self.hasher.hash_one(id)
    }

    fn lock(&self) -> MutexGuard<'_, Recent<u64, Slow>> {
        lock(&self.known)
    }
}

impl Default for SlowClients {
    fn default() -> Self {
        Self::new(Some(SLOW_CLOSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_connection_is_overdue_only_if_it_was_slow_throughout() {
        let (slow, id, start) = (
            SlowClients::default(),
            ConnectionId::from("a"),
            Instant::now(),
        );
        slow.add(&id, start);
        for second in (5..60).step_by(5) {
            assert!(slow.throttled(&id, start + SECOND * second));
            assert!(!slow.is_overdue(&id, start + SECOND * second));
        }
        assert!(slow.is_overdue(&id, start + SLOW_CLOSE));

        // After a longer time without a 429 it counts as slow from then on.
        let again = start + SLOW_CLOSE + SECOND * 30;
        assert!(!slow.is_overdue(&id, again));
        assert!(slow.throttled(&id, again));
        assert!(!slow.is_overdue(&id, again + SECOND));
        slow.remove(&id);
        assert!(!slow.throttled(&id, again));
    }

    #[test]
    fn a_connection_is_not_overdue_after_a_freeze_during_which_the_clock_stood_still() {
        let (slow, id) = (SlowClients::default(), ConnectionId::from("a"));
        let (start, wall) = (Instant::now(), SystemTime::now());
        slow.add(&id, start);
        for second in (5..60).step_by(5) {
            let (now, wall) = (start + SECOND * second, wall + SECOND * second);
            assert!(slow.throttled_at(&id, now, wall));
        }
        // The process was frozen for six hours after that.
        let (now, wall) = (start + SLOW_CLOSE, wall + SECOND * 6 * 60 * 60);
        assert!(!slow.is_overdue_at(&id, now, wall));
        assert!(slow.throttled_at(&id, now, wall));
        assert!(!slow.is_overdue_at(&id, now + SECOND, wall + SECOND));
    }

    #[test]
    fn without_a_time_no_connection_is_overdue() {
        let (slow, id, start) = (
            SlowClients::new(None),
            ConnectionId::from("a"),
            Instant::now(),
        );
        slow.add(&id, start);
        for second in 0..1000 {
            slow.throttled(&id, start + SECOND * second);
        }
        assert!(!slow.is_overdue(&id, start + SECOND * 1000));
    }
}
