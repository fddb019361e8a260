//! The evidence of account throttling.

use super::super::recent::Recent;
use crate::ConnectionId;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::time::Instant;

/// The minimum number of connections with 429s, and the minimum share of posts with 429s, for account throttling.
const CONNECTIONS: usize = 5;
const SHARE: f64 = 0.02;

/// The maximum number of connections in a window, so that memory is bounded.
const MOST: usize = 10_000;

/// How long a throttled connection counts less than others.
const MEMORY: Duration = Duration::from_secs(10);

const PROBES: Duration = Duration::from_millis(100);

/// The evidence of account throttling in the responses of the management API.
///
/// A 429 has two causes (conformance G6): the account exceeds its rate limit, or the buffer of one client is full.
/// Account throttling affects random connections, and most retries succeed. A client that does not read is throttled
/// at all attempts. A slow client is throttled repeatedly, while others never are. So the evidence is:
///
/// - The posts that succeed after a 429, compared with those that succeed at once. Each connection has the same
///   weight, regardless of its number of posts.
/// - Only connections that were not throttled recently count, unless there are none.
/// - Alternatively, several connections are throttled at all attempts while no request succeeds.
#[derive(Debug)]
pub(super) struct Evidence {
    hasher: RandomState,
    window: HashMap<u64, Count>,
    all: Tally,
    /// The tally of connections that were not throttled recently.
    unsuspected: Tally,
    /// The last time when several unsuspected connections were reached without a 429.
    calm: Option<Instant>,
    throttled: Recent<u64, ()>,
    /// The connections that were throttled at all attempts since the last success.
    starved: HashSet<u64>,
    answered: Option<Instant>,
    probed: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    posts: u32,
    /// The posts that succeeded after a 429.
    throttled: u32,
    is_suspected: bool,
}

#[derive(Debug, Default)]
struct Tally {
    connections: usize,
    throttled: usize,
    /// The sum of their shares of throttled posts.
    share: f64,
}

impl Evidence {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            window: HashMap::new(),
            all: Tally::default(),
            unsuspected: Tally::default(),
            calm: None,
            throttled: Recent::new(MEMORY, MOST),
            starved: HashSet::new(),
            answered: None,
            probed: None,
        }
    }

    pub(super) fn answered(&mut self, now: Instant) {
        self.answered = Some(now);
        if !self.starved.is_empty() {
            self.starved.clear();
        }
    }

    /// Counts a successful request, with or without an earlier 429.
    pub(super) fn sent(&mut self, id: &ConnectionId, was_throttled: bool, now: Instant) {
        let key = self.hasher.hash_one(id);
        if self.window.len() < MOST || self.window.contains_key(&key) {
            let throttled = &mut self.throttled;
            let count = self.window.entry(key).or_insert_with(|| Count {
                posts: 0,
                throttled: 0,
                is_suspected: throttled.get(&key, now).is_some(),
            });
            let before = *count;
            count.posts += 1;
            count.throttled += u32::from(was_throttled);
            self.all.update(before, *count);
            if !count.is_suspected {
                self.unsuspected.update(before, *count);
            }
        }
        if was_throttled {
            self.throttled.insert(key, (), now);
        }
        if self.unsuspected.connections >= self.unsuspected.throttled + CONNECTIONS {
            self.calm = Some(now);
        }
    }

    /// Records a throttled connection that is not evidence.
    pub(super) fn suspect(&mut self, id: &ConnectionId, now: Instant) {
        self.throttled.insert(self.hasher.hash_one(id), (), now);
    }

    /// Counts a connection that was throttled at all attempts since `began`. Returns whether other requests succeeded
    /// meanwhile.
    pub(super) fn exhausted(&mut self, id: &ConnectionId, began: Instant, now: Instant) -> bool {
        self.suspect(id, now);
        let others = self.answered.is_some_and(|at| at >= began);
        if !others && self.starved.len() < MOST {
            self.starved.insert(self.hasher.hash_one(id));
        }
        others
    }

    /// Returns whether a probe must find the cause of the 429s since `began`, because no request has succeeded. The
    /// caller that gets `true` sends it.
    pub(super) fn needs_probe(&mut self, began: Instant, now: Instant) -> bool {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < PROBES;
        if self.answered.is_some_and(|at| at >= began) || self.probed.is_some_and(is_recent) {
            return false;
        }
        self.probed = Some(now);
        true
    }

    /// Returns whether the account is throttled for certain before the window ends.
    pub(super) fn is_certain(&self) -> bool {
        self.unsuspected.is_account() || self.starved.len() >= CONNECTIONS
    }

    /// Returns whether the account is throttled, at the end of the window.
    pub(super) fn is_account(&self, now: Instant) -> bool {
        // If all connections were throttled recently, there are no others to compare with.
        let is_recent = |at: Instant| now.saturating_duration_since(at) < MEMORY;
        let is_calm = self.calm.is_some_and(is_recent);
        self.is_certain() || !is_calm && self.all.is_account()
    }

    pub(super) fn begin(&mut self) {
        self.window.clear();
        self.all = Tally::default();
        self.unsuspected = Tally::default();
    }

    /// Starts a new window after the account was throttled.
    pub(super) fn restart(&mut self) {
        self.begin();
        self.starved.clear();
        self.calm = None;
    }
}

impl Count {
    fn share(self) -> f64 {
        match self.posts {
            0 => 0.0,
            posts => f64::from(self.throttled) / f64::from(posts),
        }
    }
}

impl Tally {
    fn update(&mut self, before: Count, after: Count) {
        self.connections += usize::from(before.posts == 0);
        self.throttled += usize::from(before.throttled == 0 && after.throttled > 0);
        self.share += after.share() - before.share();
    }

    fn is_account(&self) -> bool {
        // The margin covers rounding errors of the sum.
        self.throttled >= CONNECTIONS && self.share + 1e-6 >= SHARE * self.connections as f64
    }
}
