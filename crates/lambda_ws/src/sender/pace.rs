//! How fast messages leave.

use crate::ConnectionId;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many messages a second a process sends at most, unless `SEND_RATE` or its Region says otherwise: half of
/// what an account may by default (conformance H), because its clients' messages and its other APIs share that.
pub(crate) const SEND_RATE: u32 = 5000;

/// How long the counts are kept by which throttling is judged.
const SECOND: Duration = Duration::from_secs(1);

/// From how many connections 429s must come, and which share of all messages they must be, to be the
/// account's: one client that reads too slowly is answered with them too (conformance G6).
const CONNECTIONS: usize = 5;
const SHARE: f64 = 0.02;

/// How much of the full rate comes back in a second without an account's 429s.
const RECOVERY: f64 = 0.05;

/// The least of the full rate that is left.
const LEAST: f64 = 0.01;

/// A token bucket that all senders of a process take from.
#[derive(Debug)]
pub(crate) struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    full: f64,
    rate: f64,
    tokens: f64,
    at: Instant,
    /// What happened in the current second.
    second: Instant,
    posts: f64,
    throttles: f64,
    throttled: Vec<ConnectionId>,
}

impl Pace {
    /// At most so many messages a second, and as many at once.
    pub(crate) fn new(rate: u32) -> Self {
        let (full, now) = (f64::from(rate.max(1)), Instant::now());
        Self(Mutex::new(State {
            full,
            rate: full,
            tokens: full,
            at: now,
            second: now,
            posts: 0.0,
            throttles: 0.0,
            throttled: Vec::new(),
        }))
    }

    /// Lets one message go, or tells when to ask again.
    pub(super) fn take(&self, now: Instant) -> Result<(), Instant> {
        let mut state = self.lock();
        state.refill(now);
        if state.tokens < 1.0 {
            let wait = (1.0 - state.tokens) / state.rate;
            return Err(now + Duration::from_secs_f64(wait));
        }
        state.spend();
        Ok(())
    }

    /// Counts a message that goes in any case.
    pub(super) fn spend(&self, now: Instant) {
        let mut state = self.lock();
        state.refill(now);
        state.spend();
    }

    /// Counts a 429, and halves the rate if it is the account that sends too much.
    pub(super) fn throttled(&self, id: &ConnectionId, now: Instant) {
        let mut state = self.lock();
        state.refill(now);
        state.throttles += 1.0;
        if state.throttled.len() < CONNECTIONS && !state.throttled.contains(id) {
            state.throttled.push(id.clone());
        }
        if state.throttled.len() == CONNECTIONS && state.throttles >= SHARE * state.posts {
            state.rate = (state.rate / 2.0).max(state.full * LEAST).max(1.0);
            state.tokens = state.tokens.min(0.0);
            state.begin(now);
            tracing::warn!(
                rate = state.rate as u64,
                "API Gateway throttles the account: messages leave at half the rate for a while"
            );
        }
    }

    /// How many messages a second leave at most, at present.
    pub(super) fn rate(&self) -> f64 {
        self.lock().rate
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * self.rate).min(self.rate.max(1.0));
        self.at = now;
        let second = now.saturating_duration_since(self.second);
        if second >= SECOND {
            if self.throttled.len() < CONNECTIONS {
                let recovered = self.full * RECOVERY * second.as_secs_f64();
                self.rate = (self.rate + recovered).min(self.full);
            }
            self.begin(now);
        }
    }

    fn spend(&mut self) {
        self.tokens -= 1.0;
        self.posts += 1.0;
    }

    fn begin(&mut self, now: Instant) {
        self.second = now;
        self.posts = 0.0;
        self.throttles = 0.0;
        self.throttled.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<ConnectionId> {
        (0..count).map(|n| n.to_string().into()).collect()
    }

    fn taken(pace: &Pace, now: Instant) -> usize {
        (0..100_000).take_while(|_| pace.take(now).is_ok()).count()
    }

    #[test]
    fn a_second_s_worth_leaves_at_once_and_then_so_many_a_second() {
        let pace = Pace::new(100);
        let now = Instant::now();
        assert_eq!(taken(&pace, now), 100);
        let next = pace.take(now).unwrap_err();
        assert!((9..=11).contains(&(next - now).as_millis()));
        assert_eq!(taken(&pace, now + SECOND / 2), 50);
        let idle = now + SECOND * 100;
        assert_eq!(taken(&pace, idle), 100, "what is not used is not kept");
    }

    #[test]
    fn what_cannot_wait_is_waited_for_by_the_others() {
        let pace = Pace::new(100);
        let now = Instant::now();
        (0..150).for_each(|_| pace.spend(now));
        assert_eq!(taken(&pace, now + SECOND / 2), 0);
        assert_eq!(taken(&pace, now + SECOND), 50);
    }

    #[test]
    fn g6_one_slow_client_slows_nobody_else() {
        let pace = Pace::new(1000);
        let now = Instant::now();
        taken(&pace, now);
        for id in ids(4).iter().cycle().take(400) {
            pace.throttled(id, now);
        }
        assert_eq!(pace.rate(), 1000.0);
    }

    #[test]
    fn an_account_that_is_throttled_sends_at_half_the_rate_and_recovers() {
        let pace = Pace::new(1000);
        let now = Instant::now();
        taken(&pace, now);
        for id in &ids(19) {
            pace.throttled(id, now);
        }
        assert_eq!(pace.rate(), 1000.0, "19 of 1000 are less than 2 %");
        for id in &ids(20)[19..] {
            pace.throttled(id, now);
        }
        assert_eq!(pace.rate(), 500.0);
        let mut now = now;
        for _ in 0..3 {
            now += SECOND;
            let _ = pace.take(now);
        }
        assert_eq!(pace.rate(), 650.0);
        for _ in 0..30 {
            now += SECOND;
            let _ = pace.take(now);
        }
        assert_eq!(pace.rate(), 1000.0);
    }

    #[test]
    fn however_often_it_is_throttled_something_is_sent() {
        let pace = Pace::new(10);
        let now = Instant::now();
        for _ in 0..100 {
            ids(5).iter().for_each(|id| pace.throttled(id, now));
        }
        assert_eq!(pace.rate(), 1.0);
        assert!(pace.take(now + SECOND * 2).is_ok());
    }
}
