//! The progress of a broadcast.

use super::super::Delivery;
use crate::store::Scope;
use crate::task::Range;
use std::time::Duration;
use tokio::time::Instant;
use tracing::info;

const LOG: Duration = Duration::from_secs(5);

/// The progress of a broadcast. Hashes spread ids evenly, so the part of a group that was read shows the size of the
/// whole group.
pub(super) struct Progress {
    began: Instant,
    logged: Instant,
    /// Whether the position in a range shows its remaining size. Ranges of everyone are not ordered by hash.
    by_hash: bool,
    ranges: Vec<Part>,
    read: usize,
}

/// The number of hash bytes of a range, and how many of them are read.
struct Part {
    width: usize,
    covered: usize,
}

impl Progress {
    pub(super) fn new(scope: &Scope, ranges: &[Range]) -> Self {
        let part = |range: &Range| Part {
            width: range.width(),
            covered: 0,
        };
        let now = Instant::now();
        Self {
            began: now,
            logged: now,
            by_hash: *scope != Scope::Everyone,
            ranges: ranges.iter().map(part).collect(),
            read: 0,
        }
    }

    /// Adds `count` connections of a range, of which `left` remains.
    pub(super) fn read(&mut self, range: usize, count: usize, left: Option<&Range>) {
        self.read += count;
        let part = &mut self.ranges[range];
        part.covered = match left {
            Some(left) if self.by_hash => part.width.saturating_sub(left.width()),
            // The read part of a range of everyone is unknown, so it counts as complete.
            _ => part.width,
        };
    }

    fn total(&self) -> f64 {
        let sum = |of: fn(&Part) -> usize| self.ranges.iter().map(of).sum::<usize>();
        let (width, covered) = (sum(|part| part.width), sum(|part| part.covered));
        match covered {
            0 => self.read as f64,
            covered => self.read as f64 * width as f64 / covered as f64,
        }
    }

    /// Returns the estimated time for the remaining recipients at `rate` messages per second.
    pub(super) fn eta(&self, delivery: &Delivery, rate: f64) -> Duration {
        let left = (self.total() - delivery.audience() as f64).max(0.0);
        Duration::try_from_secs_f64(left / rate).unwrap_or(Duration::MAX)
    }

    /// Returns the measured messages per second, after the first second.
    pub(super) fn rate(&self, delivery: &Delivery) -> Option<f64> {
        let since = self.began.elapsed().as_secs_f64();
        (since >= 1.0).then(|| (delivery.audience() as f64 / since).max(1.0))
    }

    pub(super) fn log(&mut self, delivery: &Delivery, rate: f64) {
        if self.logged.elapsed() < LOG {
            return;
        }
        self.logged = Instant::now();
        info!(
            sent = delivery.sent,
            gone = delivery.gone,
            throttled = delivery.throttled,
            failed = delivery.failed,
            of_about = self.total() as u64,
            seconds_left = self.eta(delivery, rate).as_secs(),
            "a broadcast is running"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Slice;
    use std::collections::HashSet;

    fn range(from: u8, to: u8) -> Range {
        Range {
            slice: Slice { from, to },
            after: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_read_part_of_a_room_determines_the_estimate() {
        let mut progress = Progress::new(&Scope::Room("tea".into()), &[range(0, 255)]);
        let mut delivery = Delivery::default();
        progress.read(0, 1000, Some(&range(64, 255)));
        delivery.sent = 1000;
        assert_eq!(progress.eta(&delivery, 1000.0).as_secs(), 3);
        progress.read(0, 3200, None);
        assert_eq!(progress.eta(&delivery, 1000.0).as_millis(), 3200);
        delivery.gone = 3200;
        assert_eq!(progress.eta(&delivery, 1000.0), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_read_part_of_everyone_is_the_minimum_of_the_estimate() {
        let all: Vec<_> = crate::task::Remaining::all(Scope::Everyone, HashSet::new()).ranges;
        let mut progress = Progress::new(&Scope::Everyone, &all);
        progress.read(3, 1000, Some(&range(48, 63)));
        let eta = progress.eta(&Delivery::default(), 1000.0);
        assert_eq!(eta.as_secs(), 16);
    }
}
