//! The rate at which messages are sent.

#[cfg(test)]
mod tests;

use super::evidence::Evidence;
use super::slow::SlowClients;
use crate::ConnectionId;
use crate::sync::lock;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;

/// How many messages a second a process sends at most, unless `SEND_RATE` or its Region says otherwise: half of
/// what an account may by default (conformance H), because its clients' messages and its other APIs share that.
pub(crate) const SEND_RATE: u32 = 5000;

/// How long evidence of throttling is collected. The rate is halved at most once in this time.
const WINDOW: Duration = Duration::from_secs(1);

/// How much of the full rate comes back in a second, from a second after the last halving: 90 % in 16 s.
const RECOVERY: f64 = 0.06;

/// The least of the full rate that is left.
const LEAST: f64 = 0.01;

/// How long after a halving nothing is known about single connections, because the account's 429s meet all.
const UNCERTAIN: Duration = Duration::from_secs(2);

/// Logged when the rate is halved.
pub(crate) const ACCOUNT_THROTTLED: &str =
    "API Gateway throttles the account: messages leave at half the rate for a while";

/// A token bucket that all senders of a process take from.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    state: Mutex<State>,
    slow: Arc<SlowClients>,
}

#[derive(Debug)]
struct State {
    full: f64,
    rate: f64,
    tokens: f64,
    at: Instant,
    /// When the current window began.
    window: Instant,
    evidence: Evidence,
    halved: Option<Instant>,
}

impl RateLimiter {
    /// At most so many messages a second, and as many at once.
    pub(crate) fn new(rate: u32) -> Self {
        Self::with(rate, Arc::default())
    }

    /// The same, with slow connections that are known already.
    pub(crate) fn with(rate: u32, slow: Arc<SlowClients>) -> Self {
        let (full, now) = (f64::from(rate.max(1)), Instant::now());
        let state = State {
            full,
            rate: full,
            tokens: full,
            at: now,
            window: now,
            evidence: Evidence::new(),
            halved: None,
        };
        Self {
            state: Mutex::new(state),
            slow,
        }
    }

    /// Begins with so many messages a second, and returns to the full rate from there.
    pub(crate) fn starting_at(self, rate: u32) -> Self {
        let mut state = self.lock();
        state.rate = f64::from(rate).clamp(1.0, state.full);
        state.tokens = state.rate;
        drop(state);
        self
    }

    /// The connections that are known to be slow.
    pub(crate) fn slow(&self) -> &Arc<SlowClients> {
        &self.slow
    }

    /// Takes a token for one message, or returns when to try again.
    pub(in crate::sender) fn try_acquire(&self, now: Instant) -> Result<(), Instant> {
        let mut state = self.lock();
        state.refill(now);
        if state.tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - state.tokens) / state.rate);
            // A wait that is rounded to nothing would not bring a token.
            return Err(now + wait + Duration::from_micros(1));
        }
        state.tokens -= 1.0;
        Ok(())
    }

    /// Takes a token for a message that is sent in any case.
    pub(in crate::sender) fn charge(&self, now: Instant) {
        let mut state = self.lock();
        state.refill(now);
        state.tokens -= 1.0;
    }

    /// Notes that a request succeeded whose first attempt was at `began`. Halves the rate if requests that
    /// were throttled before say that the account sends too much.
    pub(in crate::sender) fn sent(
        &self,
        id: &ConnectionId,
        began: Instant,
        was_throttled: bool,
        now: Instant,
    ) {
        let mut state = self.lock();
        state.refill(now);
        state.evidence.answered(now);
        // What began before the last halving is part of what the rate was halved for.
        match was_throttled && state.halved.is_some_and(|at| began <= at) {
            true => state.evidence.suspect(id, now),
            false => state.evidence.sent(id, was_throttled, now),
        }
        if was_throttled {
            state.judge(now);
        }
    }

    /// Notes that the API did not throttle a request, though it did not do what was asked.
    pub(in crate::sender) fn answered(&self, now: Instant) {
        self.lock().evidence.answered(now);
    }

    /// Notes a connection that was throttled at all attempts. Returns whether that is the connection's fault.
    ///
    /// It is if other requests succeeded meanwhile. If none did, it is the account's.
    pub(in crate::sender) fn exhausted(
        &self,
        id: &ConnectionId,
        began: Instant,
        now: Instant,
    ) -> bool {
        let mut state = self.lock();
        state.refill(now);
        if state.evidence.exhausted(id, began, now) {
            return !state.is_throttled(now);
        }
        state.judge(now);
        false
    }

    /// Whether the caller has to find out if the account is throttled, with a request that no client's buffer
    /// can fail.
    pub(in crate::sender) fn needs_probe(&self, began: Instant, now: Instant) -> bool {
        self.lock().evidence.needs_probe(began, now)
    }

    /// Whether the account was found throttled a moment ago.
    pub(in crate::sender) fn is_throttled(&self, now: Instant) -> bool {
        self.lock().is_throttled(now)
    }

    /// How many messages a second leave at most, at present.
    pub(in crate::sender) fn rate(&self) -> f64 {
        self.lock().rate
    }

    /// The same without throttling.
    pub(crate) fn full(&self) -> f64 {
        self.lock().full
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn refill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * self.rate).min(self.rate.max(1.0));
        self.at = now;
        let age = now.saturating_duration_since(self.window);
        if age < WINDOW {
            return;
        }
        if self.evidence.is_account(now) {
            self.halve(self.window + WINDOW);
        }
        let since = |at: Instant| now.saturating_duration_since(at + WINDOW);
        let calm = self.halved.map_or(age, since).min(age).as_secs_f64();
        let before = self.rate;
        self.rate = (before + self.full * RECOVERY * calm).min(self.full);
        if before < self.full && self.rate == self.full {
            tracing::info!("messages leave at the full rate again");
        }
        self.window = now;
        self.evidence.begin();
    }

    /// Halves the rate before the window ends, if it is certain that the account is throttled.
    fn judge(&mut self, now: Instant) {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < WINDOW;
        if !self.halved.is_some_and(is_recent) && self.evidence.is_certain() {
            self.halve(now);
        }
    }

    fn halve(&mut self, at: Instant) {
        let half = (self.rate / 2.0).max(self.full * LEAST).max(1.0);
        if half < self.rate {
            tracing::warn!(rate = half as u64, "{ACCOUNT_THROTTLED}");
        }
        self.rate = half;
        self.tokens = self.tokens.min(0.0);
        self.halved = Some(at);
        self.window = at;
        self.evidence.restart();
    }

    fn is_throttled(&self, now: Instant) -> bool {
        self.halved
            .is_some_and(|at| now.saturating_duration_since(at) < UNCERTAIN)
    }
}
