//! Faults on purpose: what AWS does now and then, as often as one likes.
//!
//! A [`Plan`] says what goes wrong and how often; a [`Faults`] carries it out, in the gateway
//! ([`Options::faults`](crate::gateway::Options::faults)), in the function's processes
//! ([`Config::faults`](crate::function::Config::faults)) and in DynamoDB
//! ([`DynamoDb::with_faults`](crate::dynamodb::DynamoDb::with_faults)) alike, and can be given another plan while they run.
//!
//! ```
//! use lambda_ws_local::faults::{Faults, Kind};
//! use lambda_ws_local::gateway::Options;
//!
//! let faults = Faults::new("false-gone=1%,post-latency=20ms".parse()?, 7);
//! let mut options = Options::default();
//! options.faults = faults.clone();
//! // .. serve, and then, while it runs:
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

/// What goes wrong, decided by chance. Clones are the same one.
///
/// The chance is that of a seed: each kind has a stream of random numbers of its own at each place, so that the n-th call
/// of a place meets the same fault in every run, whatever other kinds are set to. (Which call is the n-th is for the clients
/// to say: several at once have no order of their own.) While nothing is to go wrong, a question costs one relaxed load.
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

/// Where something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Gateway,
    Function,
    DynamoDb,
}

const PLACES: usize = 3;

impl Default for Faults {
    /// Nothing goes wrong, until a plan is set; the seed is 0.
    fn default() -> Faults {
        Faults::new(Plan::default(), 0)
    }
}

impl Faults {
    /// Faults by a plan; the same seed means the same faults.
    pub fn new(plan: Plan, seed: u64) -> Faults {
        let streams = std::array::from_fn(|kind| {
            std::array::from_fn(|place| {
                // Neighbouring seeds make neighbouring streams of this generator: one draw parts them.
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

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// What goes wrong now.
    pub fn plan(&self) -> Plan {
        lock(&self.0.state).plan
    }

    /// Lets another plan begin. The streams of random numbers go on where they are.
    pub fn set(&self, plan: Plan) {
        lock(&self.0.state).plan = plan;
        self.0.on.store(!plan.is_off(), Ordering::Relaxed);
    }

    /// Changes the plan by a text, as [`Plan::change`] does, and returns the new one.
    ///
    /// # Errors
    ///
    /// A mistake in the text; then nothing has changed.
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

    /// How often this kind has happened.
    pub fn fired(&self, kind: Kind) -> u64 {
        self.0.fired[kind.index()].load(Ordering::Relaxed)
    }

    /// Whether anything can happen.
    pub(crate) fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    /// Whether this kind can happen.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.is_on() && lock(&self.0.state).plan.has(kind)
    }

    /// Whether this kind happens now; it counts as having happened.
    pub(crate) fn happens(&self, place: Place, kind: Kind) -> bool {
        self.first(place, &[kind]).is_some()
    }

    /// The first of these kinds that happens now; it counts as having happened.
    pub(crate) fn first(&self, place: Place, kinds: &[Kind]) -> Option<Kind> {
        let drawn = self.draw(place, kinds);
        let mut kinds = kinds.iter().copied();
        let first = kinds.find(|kind| drawn.has(*kind))?;
        self.count(first);
        Some(first)
    }

    /// Which of these kinds happen now, if they can: every one is asked, so that none moves another. None of them counts.
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

    /// How long this kind takes now; zero takes no time and does not count.
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

    /// A number below `end`, for a fault that has happened: which of several, or how many. Zero if `end` is.
    pub(crate) fn below(&self, place: Place, kind: Kind, end: usize) -> usize {
        match end {
            0 => 0,
            _ => lock(&self.0.state).streams[kind.index()][place as usize].usize(..end),
        }
    }

    /// Notes that this kind has happened.
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

/// What happens now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drawn(u32);

impl Drawn {
    /// Whether this kind does.
    pub(crate) fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind.index() != 0
    }

    /// Whether nothing does.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Marks a response whose connection is to be broken instead.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer is lost on purpose")]
pub(crate) struct AnswerLost;
