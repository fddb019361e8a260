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

/// The default maximum of messages per second and process. It is half of an account's default quota (conformance H),
/// because messages from clients and other APIs share the quota. `SEND_RATE` or the Region changes it.
pub(crate) const SEND_RATE: u32 = 5000;

/// How long evidence of throttling is collected. The rate is halved at most once per window.
const WINDOW: Duration = Duration::from_secs(1);

/// The share of the full rate that returns per second, from a second after the last halving: 90 % in 16 s.
const RECOVERY: f64 = 0.06;

/// The minimum share of the full rate.
const LEAST: f64 = 0.01;

/// How long after a halving 429s say nothing about single connections.
const UNCERTAIN: Duration = Duration::from_secs(2);

pub(crate) const ACCOUNT_THROTTLED: &str =
    "API Gateway throttles the account: the send rate is halved for a while";

/// The token bucket that all senders of a process share.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    state: Mutex<State>,
    slow: Arc<SlowClients>,
}

#[derive(Debug)]
struct State {
    full: f64,
    /// The current maximum of the rate. It is less than the full rate while other broadcasts run.
    most: f64,
    rate: f64,
    tokens: f64,
    at: Instant,
    window: Instant,
    evidence: Evidence,
    halved: Option<Instant>,
}

impl RateLimiter {
    /// Creates a limiter of `rate` messages per second, and as many at once.
    pub(crate) fn new(rate: u32) -> Self {
        Self::with(rate, Arc::default())
    }

    pub(crate) fn with(rate: u32, slow: Arc<SlowClients>) -> Self {
        let (full, now) = (f64::from(rate.max(1)), Instant::now());
        let state = State {
            full,
            most: full,
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

    /// Starts with a lower rate that returns to the full rate. It starts without tokens: the process before it, whose work
    /// it continues, has used those of this second.
    pub(crate) fn starting_at(self, rate: u32) -> Self {
        let mut state = self.lock();
        state.rate = f64::from(rate).clamp(1.0, state.full);
        state.tokens = 0.0;
        drop(state);
        self
    }

    pub(crate) fn slow(&self) -> &Arc<SlowClients> {
        &self.slow
    }

    /// Takes a token for one message, or returns the time of the next attempt.
    pub(in crate::sender) fn try_acquire(&self, now: Instant) -> Result<(), Instant> {
        let mut state = self.lock();
        state.refill(now);
        if state.tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - state.tokens) / state.rate);
            // A wait that rounds to zero would not yield a token.
            return Err(now + wait + Duration::from_micros(1));
        }
        state.tokens -= 1.0;
        Ok(())
    }

    /// Takes a token for a message that is sent regardless of the limit.
    pub(in crate::sender) fn charge(&self, now: Instant) {
        let mut state = self.lock();
        state.refill(now);
        state.tokens -= 1.0;
    }

    /// Records a success whose first attempt was at `began`. Halves the rate if earlier 429s are evidence of account
    /// throttling.
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
        // Requests from before the last halving are part of its cause.
        match was_throttled && state.halved.is_some_and(|at| began <= at) {
            true => state.evidence.suspect(id, now),
            false => state.evidence.sent(id, was_throttled, now),
        }
        if was_throttled {
            state.judge(now);
        }
    }

    /// Records a request that failed without a 429.
    pub(in crate::sender) fn answered(&self, now: Instant) {
        self.lock().evidence.answered(now);
    }

    /// Records a connection that was throttled at all attempts. Returns whether the client is the cause.
    ///
    /// The client is the cause if other requests succeeded meanwhile. Otherwise it is the account.
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

    /// Returns whether the caller must probe for account throttling with a request that does not depend on a client's
    /// buffer.
    pub(in crate::sender) fn needs_probe(&self, began: Instant, now: Instant) -> bool {
        self.lock().evidence.needs_probe(began, now)
    }

    /// Returns whether the account was throttled recently.
    pub(in crate::sender) fn is_throttled(&self, now: Instant) -> bool {
        self.lock().is_throttled(now)
    }

    /// Returns the current limit, in messages per second.
    pub(in crate::sender) fn rate(&self) -> f64 {
        self.lock().rate
    }

    /// Sets the share of the full rate that other broadcasts leave, from 0 to 1. The rate of a limiter that is not
    /// throttled follows at once.
    pub(crate) fn share(&self, share: f64, now: Instant) {
        let mut state = self.lock();
        state.refill(now);
        let most = (state.full * share.clamp(0.0, 1.0)).max(1.0);
        state.rate = match state.rate >= state.most {
            true => most,
            false => state.rate.min(most),
        };
        state.most = most;
        state.tokens = state.tokens.min(state.rate);
    }

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
        self.rate = (before + self.full * RECOVERY * calm).min(self.most);
        if before < self.most && self.rate == self.most {
            tracing::info!("the send rate is back at the full rate");
        }
        self.window = now;
        self.evidence.begin();
    }

    /// Halves the rate before the window ends, if the account is throttled for certain.
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
