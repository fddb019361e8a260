//! Rates: token buckets, counts per second and distributions.

use std::time::Duration;
use tokio::time::Instant;

/// A token bucket in virtual time.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// Creates a full bucket.
    pub(super) fn new(rate: f64, burst: f64) -> Self {
        let at = Instant::now();
        Self {
            rate,
            burst,
            tokens: burst,
            at,
        }
    }

    /// Takes `count` tokens, if there are as many. A request may be larger than the bucket.
    pub(super) fn take(&mut self, count: f64) -> bool {
        self.take_at(Instant::now(), count)
    }

    /// The same at a time that the clock has not reached.
    pub(super) fn take_at(&mut self, now: Instant, count: f64) -> bool {
        let since = (now - self.at).as_secs_f64();
        self.tokens = (self.tokens + since * self.rate).min(self.burst);
        self.at = now;
        let has = self.tokens >= count.min(self.burst);
        if has {
            self.tokens -= count;
        }
        has
    }

    pub(super) fn set_rate(&mut self, rate: f64) {
        // The time until now counts with the old rate.
        self.take(0.0);
        (self.rate, self.burst) = (rate, rate);
    }
}

/// Counts per second of virtual time.
#[derive(Debug, Clone)]
pub(super) struct Series {
    origin: Instant,
    pub(super) counts: Vec<f64>,
}

impl Series {
    pub(super) fn new(origin: Instant) -> Self {
        let counts = Vec::new();
        Self { origin, counts }
    }

    fn at(&mut self, now: Instant) -> &mut f64 {
        let second = (now - self.origin).as_secs() as usize;
        if self.counts.len() <= second {
            self.counts.resize(second + 1, 0.0);
        }
        &mut self.counts[second]
    }

    pub(super) fn add(&mut self, count: f64) {
        self.add_at(Instant::now(), count);
    }

    /// The same at a time that the clock has not reached.
    pub(super) fn add_at(&mut self, now: Instant, count: f64) {
        *self.at(now) += count;
    }

    /// Keeps the largest value of each second.
    pub(super) fn peak(&mut self, value: f64) {
        let at = self.at(Instant::now());
        *at = at.max(value);
    }

    pub(super) fn max(&self) -> f64 {
        self.counts.iter().copied().fold(0.0, f64::max)
    }

    pub(super) fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// Returns the mean of the seconds from `from` until `to`.
    pub(super) fn mean(&self, from: Duration, to: Duration) -> f64 {
        let (from, to) = (from.as_secs() as usize, to.as_secs() as usize);
        let sum: f64 = self.counts.iter().take(to).skip(from).sum();
        sum / to.saturating_sub(from).max(1) as f64
    }
}

/// A distribution of times in ms: exact up to 1 s, in steps of 10 ms up to 100 s, then in seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    counts: Vec<u64>,
    all: u64,
}

const EXACT: u64 = 1_000;
const TENS: u64 = 100_000;

impl Times {
    pub(super) fn add(&mut self, ms: u64) {
        let index = match ms {
            0..EXACT => ms,
            EXACT..TENS => EXACT + (ms - EXACT) / 10,
            _ => EXACT + (TENS - EXACT) / 10 + (ms - TENS) / 1_000,
        };
        let index = index as usize;
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
        self.all += 1;
    }

    /// Returns the time below which this share of all is, in ms.
    pub(super) fn quantile(&self, share: f64) -> u64 {
        let wanted = (self.all as f64 * share).ceil().max(1.0) as u64;
        let mut sum = 0;
        for (index, count) in self.counts.iter().enumerate() {
            sum += count;
            if sum >= wanted {
                let (index, tens) = (index as u64, (TENS - EXACT) / 10);
                return match index {
                    0..EXACT => index,
                    _ if index < EXACT + tens => EXACT + (index - EXACT) * 10,
                    _ => TENS + (index - EXACT - tens) * 1_000,
                };
            }
        }
        0
    }
}
