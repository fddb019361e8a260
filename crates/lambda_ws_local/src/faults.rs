//! Injected faults, which AWS shows occasionally.
//!
//! A [`Plan`] is the kinds of faults with their rates. [`Faults`] injects them into the gateway
//! ([`Options::faults`](crate::gateway::Options::faults)), the function's processes
//! ([`Config::faults`](crate::function::Config::faults)) and DynamoDB
//! ([`DynamoDb::with_faults`](crate::dynamodb::DynamoDb::with_faults)). The plan can change while they run.
//!
//! ```
//! use lambda_ws_local::faults::{Faults, Kind};
//! use lambda_ws_local::gateway::Options;
//!
//! let faults = Faults::new("false-gone=1%,post-latency=20ms".parse()?, 7);
//! let mut options = Options::default();
//! options.faults = faults.clone();
//! // .. serve, and change the plan later:
//! faults.set("off".parse()?);
//! assert_eq!(faults.fired(Kind::FalseGone), 0);
//! # Ok::<(), lambda_ws_local::faults::PlanError>(())
//! ```

mod kind;
mod plan;
mod setting;
#[cfg(test)]
mod tests;

pub use kind::Kind;
pub use plan::{Plan, PlanError};
pub use setting::{Latency, Rate};

use crate::lock::lock;
use kind::COUNT;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Decides randomly which faults happen. Clones share it.
///
/// The seed makes the faults reproducible. Each kind has a separate stream of random numbers at each place, so the n-th
/// call at a place gets the same fault in every run, whatever the settings of other kinds. Concurrent calls have no
/// fixed order. Without faults, a check costs one relaxed load.
#[derive(Clone)]
pub struct Faults(Arc<Inner>);

struct Inner {
    seed: u64,
    on: AtomicBool,
    state: Mutex<State>,
    fired: [AtomicU64; COUNT],
}

struct State {
    plan: Plan,
    streams: [[fastrand::Rng; PLACES]; COUNT],
}

/// Where a fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Gateway,
    Function,
    DynamoDb,
}

const PLACES: usize = 3;

impl Default for Faults {
    /// Returns faults without a plan and with the seed 0.
    fn default() -> Faults {
        Faults::new(Plan::default(), 0)
    }
}

impl Faults {
    /// Returns faults by a plan. The same seed gives the same faults.
    pub fn new(plan: Plan, seed: u64) -> Faults {
        let streams = std::array::from_fn(|kind| {
            std::array::from_fn(|place| {
                // This generator makes similar streams from similar seeds, so one draw separates them.
                let number = seed
                    .wrapping_mul((COUNT * PLACES) as u64)
                    .wrapping_add((kind * PLACES + place) as u64);
                fastrand::Rng::with_seed(fastrand::Rng::with_seed(number).u64(..))
            })
        });
        Faults(Arc::new(Inner {
            seed,
            on: AtomicBool::new(!plan.is_off()),
            state: Mutex::new(State { plan, streams }),
            fired: std::array::from_fn(|_| AtomicU64::new(0)),
        }))
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Returns the current plan.
    pub fn plan(&self) -> Plan {
        lock(&self.0.state).plan
    }

    /// Replaces the plan. The streams of random numbers continue.
    pub fn set(&self, plan: Plan) {
        lock(&self.0.state).plan = plan;
        self.0.on.store(!plan.is_off(), Ordering::Relaxed);
    }

    /// Changes the plan by a text like [`Plan::change`], and returns the new one.
    ///
    /// # Errors
    ///
    /// The text is not valid. The plan does not change.
    pub fn change(&self, text: &str) -> Result<Plan, PlanError> {
        self.update(|plan| plan.change(text))
    }

    /// Changes the plan in one step, unless `change` fails.
    pub(crate) fn update<E>(
        &self,
        change: impl FnOnce(&mut Plan) -> Result<(), E>,
    ) -> Result<Plan, E> {
        let mut state = lock(&self.0.state);
        let mut plan = state.plan;
        change(&mut plan)?;
        state.plan = plan;
        self.0.on.store(!plan.is_off(), Ordering::Relaxed);
        Ok(plan)
    }

    /// Returns how often this kind has happened.
    pub fn fired(&self, kind: Kind) -> u64 {
        self.0.fired[kind.index()].load(Ordering::Relaxed)
    }

    /// Whether any fault can happen.
    pub(crate) fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.is_on() && lock(&self.0.state).plan.has(kind)
    }

    /// Draws this kind, and counts it if it happens.
    pub(crate) fn happens(&self, place: Place, kind: Kind) -> bool {
        self.first(place, &[kind]).is_some()
    }

    /// Draws these kinds in order, and counts the first that happens.
    pub(crate) fn first(&self, place: Place, kinds: &[Kind]) -> Option<Kind> {
        let drawn = self.draw(place, kinds);
        let mut kinds = kinds.iter().copied();
        let first = kinds.find(|kind| drawn.has(*kind))?;
        self.count(first);
        Some(first)
    }

    /// Draws all of these kinds, so that no kind shifts the stream of another. Does not count them.
    pub(crate) fn draw(&self, place: Place, kinds: &[Kind]) -> Drawn {
        let mut drawn = Drawn(0);
        if !self.is_on() {
            return drawn;
        }
        let mut state = lock(&self.0.state);
        for &kind in kinds {
            let rate = state.plan.rate(kind).in_a_million();
            let stream = &mut state.streams[kind.index()][place as usize];
            if rate > 0 && stream.u32(..1_000_000) < rate {
                drawn.0 |= 1 << kind.index();
            }
        }
        drawn
    }

    /// Returns the latency of this kind. Zero does not count.
    pub(crate) fn latency(&self, place: Place, kind: Kind) -> Duration {
        if !self.is_on() {
            return Duration::ZERO;
        }
        let mut state = lock(&self.0.state);
        let latency = state.plan.latency(kind);
        if latency == Latency::default() {
            return Duration::ZERO;
        }
        let drawn = latency.draw(&mut state.streams[kind.index()][place as usize]);
        drop(state);
        self.count(kind);
        drawn
    }

    /// Returns a number below `end` for a fault that has happened, or 0 if `end` is 0.
    pub(crate) fn below(&self, place: Place, kind: Kind, end: usize) -> usize {
        match end {
            0 => 0,
            _ => lock(&self.0.state).streams[kind.index()][place as usize].usize(..end),
        }
    }

    pub(crate) fn count(&self, kind: Kind) {
        self.0.fired[kind.index()].fetch_add(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults")
            .field("plan", &format_args!("{}", self.plan()))
            .field("seed", &self.0.seed)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drawn(u32);

impl Drawn {
    pub(crate) fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind.index() != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Marks a response whose connection is to be closed instead.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the response is lost by an injected fault")]
pub(crate) struct AnswerLost;
