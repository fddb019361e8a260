//! The time of the gateway's timers.

use crate::lock::lock;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Scales are stored in millionths.
const ONE: u64 = 1_000_000;

/// The time of a gateway's timers: the idle timeout and the maximum lifetime of a connection (conformance F5, F6).
/// Clones share the time.
///
/// It passes as fast as real time, or faster. In tests it can pass only when it is advanced:
///
/// ```
/// use lambda_ws_local::gateway::{Options, Time};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let time = Time::manual();
/// let mut options = Options::default();
/// options.time = time.clone();
/// // .. serve, and connect a client. Its idle timeout then expires at once:
/// time.advance(Duration::from_secs(600)).expect("it is manual");
/// # }
/// ```
///
/// Everything else uses real time. Timestamps of events do, because functions compare them with their own clock and
/// store them in a database with another clock. Timeouts of integrations and Lambda's deadlines do, because they limit
/// the work of real processes: at a scale of 600 a function of 29 s would have 48 ms.
#[derive(Clone)]
pub struct Time(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Notifies about every new scale and every advance.
    changed: watch::Sender<()>,
}

struct State {
    /// The moment at which its current mode began.
    since: Moment,
    passing: Passing,
}

enum Passing {
    /// Scaled in millionths since this instant.
    Scaled {
        began: Instant,
        millionths: u64,
    },
    Manual,
}

/// A point of a [`Time`], as the duration from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(Duration);

/// Why a change of the time fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// The scale is not valid.
    #[error(
        "not a valid time scale: expected a number from 0.001 to 1000000; 1 is real time, 600 turns ten minutes into a second"
    )]
    Scale,
    /// The time is manual.
    #[error("the time is manual and has no scale: advance it instead")]
    Manual,
    /// The time is not manual.
    #[error("the time is not manual: only a manual time can be advanced")]
    NotManual,
}

impl Default for Time {
    /// Returns real time.
    fn default() -> Time {
        Time::new(Passing::Scaled {
            began: Instant::now(),
            millionths: ONE,
        })
    }
}

impl Time {
    /// Returns a time that passes `scale` times as fast as real time.
    ///
    /// # Errors
    ///
    /// [`TimeError::Scale`].
    pub fn scaled(scale: f64) -> Result<Time, TimeError> {
        Ok(Time::new(Passing::Scaled {
            began: Instant::now(),
            millionths: millionths(scale)?,
        }))
    }

    /// Returns a manual time, which passes only through [`advance`](Time::advance).
    pub fn manual() -> Time {
        Time::new(Passing::Manual)
    }

    fn new(passing: Passing) -> Time {
        Time(Arc::new(Inner {
            state: Mutex::new(State {
                since: Moment(Duration::ZERO),
                passing,
            }),
            changed: watch::Sender::default(),
        }))
    }

    /// Returns its scale, or `None` if it is manual.
    pub fn scale(&self) -> Option<f64> {
        match lock(&self.0.state).passing {
            Passing::Scaled { millionths, .. } => Some(millionths as f64 / ONE as f64),
            Passing::Manual => None,
        }
    }

    /// Changes the scale from now on. The time that has passed stays.
    ///
    /// # Errors
    ///
    /// [`TimeError::Scale`]; [`TimeError::Manual`].
    pub fn set_scale(&self, scale: f64) -> Result<(), TimeError> {
        let new = millionths(scale)?;
        let mut state = lock(&self.0.state);
        let clock = Instant::now();
        let now = state.now(clock);
        let Passing::Scaled { began, millionths } = &mut state.passing else {
            return Err(TimeError::Manual);
        };
        (*began, *millionths) = (clock, new);
        state.since = now;
        drop(state);
        self.0.changed.send_replace(());
        Ok(())
    }

    /// Advances the time. Expired connections end as soon as their tasks run, so a test must wait for the close frame
    /// or the DISCONNECT event.
    ///
    /// # Errors
    ///
    /// [`TimeError::NotManual`].
    pub fn advance(&self, by: Duration) -> Result<(), TimeError> {
        let mut state = lock(&self.0.state);
        let Passing::Manual = state.passing else {
            return Err(TimeError::NotManual);
        };
        state.since = state.since.after(by);
        drop(state);
        self.0.changed.send_replace(());
        Ok(())
    }

    pub(super) fn now(&self) -> Moment {
        lock(&self.0.state).now(Instant::now())
    }

    /// Returns the instant at which the clock reaches a moment at the current scale. A timer must be set again after
    /// every [change](Time::changes).
    pub(super) fn instant(&self, moment: Moment) -> Instant {
        let (clock, state) = (Instant::now(), lock(&self.0.state));
        let left = moment.0.saturating_sub(state.now(clock).0);
        let wait = match state.passing {
            // Rounded up, and the present down, so that the moment has come when the timer fires.
            Passing::Scaled { millionths, .. } => {
                let nanos = left.as_nanos().saturating_mul(u128::from(ONE));
                duration(nanos.div_ceil(u128::from(millionths)))
            }
            Passing::Manual if left.is_zero() => left,
            Passing::Manual => FOREVER,
        };
        clock + wait.min(FOREVER)
    }

    /// Returns the changes of its scale and its advances from now on.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scale() {
            Some(scale) => write!(f, "Time({scale})"),
            None => f.write_str("Time(manual)"),
        }
    }
}

impl State {
    fn now(&self, clock: Instant) -> Moment {
        match self.passing {
            Passing::Scaled { began, millionths } => {
                let passed = clock.saturating_duration_since(began).as_nanos();
                let scaled = passed.saturating_mul(u128::from(millionths));
                self.since.after(duration(scaled / u128::from(ONE)))
            }
            Passing::Manual => self.since,
        }
    }
}

impl Moment {
    pub(super) fn after(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(duration))
    }
}

/// The maximum time of a timer.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

fn duration(nanos: u128) -> Duration {
    u64::try_from(nanos).map_or(FOREVER, Duration::from_nanos)
}

fn millionths(scale: f64) -> Result<u64, TimeError> {
    match scale {
        0.001..=1_000_000.0 => Ok((scale * ONE as f64).round() as u64),
        _ => Err(TimeError::Scale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_scaled_time_passes_faster_and_keeps_what_has_passed_when_it_is_switched() {
        let time = Time::scaled(600.0).unwrap();
        let began = time.now();
        tokio::time::advance(SECOND).await;
        assert_eq!(time.now(), began.after(600 * SECOND));
        time.set_scale(1.0).unwrap();
        tokio::time::advance(SECOND).await;
        assert_eq!(time.now(), began.after(601 * SECOND));
        assert_eq!(time.scale(), Some(1.0));
        assert_eq!(time.advance(SECOND), Err(TimeError::NotManual));
    }

    #[tokio::test]
    async fn a_manual_time_stands_still_until_it_is_moved() {
        let time = Time::manual();
        let (began, changes) = (time.now(), time.changes());
        assert_eq!(time.now(), began);
        time.clone().advance(SECOND).unwrap();
        assert_eq!(time.now(), began.after(SECOND));
        assert!(changes.has_changed().unwrap());
        assert_eq!(time.set_scale(2.0), Err(TimeError::Manual));
        assert_eq!(time.scale(), None);
    }

    #[test]
    fn nobody_scales_by_what_is_no_scale() {
        for scale in [0.0, -1.0, 0.0009, 1e7, f64::NAN, f64::INFINITY] {
            assert_eq!(Time::scaled(scale).err(), Some(TimeError::Scale), "{scale}");
        }
    }

    proptest! {
        #[test]
        fn a_timer_never_fires_before_its_moment(
            millionths in 1_000..=ONE * ONE, begun in 0..1u64 << 50, left in 0..1u64 << 50
        ) {
            let clock = Instant::now();
            let passing = Passing::Scaled { began: clock, millionths };
            let state = State { since: Moment(Duration::from_nanos(begun)), passing };
            let moment = state.since.after(Duration::from_nanos(left));
            let nanos = u128::from(left) * u128::from(ONE);
            let wait = duration(nanos.div_ceil(u128::from(millionths))).min(FOREVER);
            prop_assume!(wait < FOREVER);
            prop_assert!(state.now(clock + wait) >= moment);
        }
    }
}
