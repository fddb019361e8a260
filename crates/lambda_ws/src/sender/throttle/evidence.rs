//! What the answers of the management API say about the account's rate limit.

use super::super::recent::Recent;
use crate::ConnectionId;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::time::Instant;

/// From how many connections 429s must come, and which share of the posts they must be, to be the
/// account's.
const CONNECTIONS: usize = 5;
const SHARE: f64 = 0.02;

/// How many connections a window counts. More are not needed, and memory must not grow with the audience.
const MOST: usize = 10_000;

/// How long a connection that was throttled is not evidence again while others are.
const MEMORY: Duration = Duration::from_secs(10);

/// The shortest time between two probes.
const PROBES: Duration = Duration::from_millis(100);

/// What the answers of the management API say about the account's rate limit.
///
/// A 429 has two causes (conformance G6): the account sends too much, or the buffer of one client is full.
/// The account's 429s meet any connection, and the retry of most posts succeeds. A client that does not
/// read is throttled at all attempts. A client that reads slowly is throttled again and again, while others
/// never are. So the evidence is:
///
/// - posts that succeed after a 429, compared with those that succeed at once. Each connection has the same
///   weight, however many posts it gets;
/// - only of connections that were not throttled in the last seconds, unless there are none of these;
/// - or that several connections are throttled at all attempts while no request at all succeeds.
#[derive(Debug)]
pub(super) struct Evidence {
    hasher: RandomState,
    /// The connections that were posted to in this window.
    window: HashMap<u64, Count>,
    all: Tally,
    /// The same for connections that had not been throttled recently.
    unsuspected: Tally,
    /// When several unsuspected connections were last posted to without a 429.
    calm: Option<Instant>,
    /// The connections that were throttled recently.
    throttled: Recent<u64, ()>,
    /// The connections that were throttled at all attempts since a request succeeded.
    starved: HashSet<u64>,
    /// When a request last succeeded.
    answered: Option<Instant>,
    probed: Option<Instant>,
}

/// The posts to one connection in a window.
#[derive(Debug, Clone, Copy)]
struct Count {
    posts: u32,
    /// Those of them that succeeded after a 429.
    throttled: u32,
    is_suspected: bool,
}

/// A sum over connections.
#[derive(Debug, Default)]
struct Tally {
    connections: usize,
    /// Those with a throttled post.
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

    /// Notes that a request succeeded.
    pub(super) fn answered(&mut self, now: Instant) {
        self.answered = Some(now);
        if !self.starved.is_empty() {
            self.starved.clear();
        }
    }

    /// Counts a request that succeeded, at once or after a 429.
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

    /// Notes a connection that was throttled, though not as evidence.
    pub(super) fn suspect(&mut self, id: &ConnectionId, now: Instant) {
        self.throttled.insert(self.hasher.hash_one(id), (), now);
    }

    /// Counts a connection that was throttled at all attempts since `began`. Returns whether other requests
    /// succeeded meanwhile.
    pub(super) fn exhausted(&mut self, id: &ConnectionId, began: Instant, now: Instant) -> bool {
        self.suspect(id, now);
        let others = self.answered.is_some_and(|at| at >= began);
        if !others && self.starved.len() < MOST {
            self.starved.insert(self.hasher.hash_one(id));
        }
        others
    }

    /// Whether a probe is needed to know the cause of the 429s since `began`: no request has succeeded. The
    /// caller that gets `true` makes it.
    pub(super) fn needs_probe(&mut self, began: Instant, now: Instant) -> bool {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < PROBES;
        if self.answered.is_some_and(|at| at >= began) || self.probed.is_some_and(is_recent) {
            return false;
        }
        self.probed = Some(now);
        true
    }

    /// Whether the account is throttled, by what is certain before the window ends.
    pub(super) fn is_certain(&self) -> bool {
        self.unsuspected.is_account() || self.starved.len() >= CONNECTIONS
    }

    /// The same at the end of the window.
    pub(super) fn is_account(&self, now: Instant) -> bool {
        // If everybody was throttled recently, there is nobody else to compare with.
        let is_recent = |at: Instant| now.saturating_duration_since(at) < MEMORY;
        let is_calm = self.calm.is_some_and(is_recent);
        self.is_certain() || !is_calm && self.all.is_account()
    }

    /// Begins another window.
    pub(super) fn begin(&mut self) {
        self.window.clear();
        self.all = Tally::default();
        self.unsuspected = Tally::default();
    }

    /// Begins another window, after the account was found throttled.
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
        // The margin is for the rounding of the sum.
        self.throttled >= CONNECTIONS && self.share + 1e-6 >= SHARE * self.connections as f64
    }
}
