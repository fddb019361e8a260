//! The faults to inject, and their rates.

use super::kind::{COUNT, Kind};
use super::setting::{Latency, Rate};
use std::fmt;
use std::str::FromStr;

/// The faults to inject, with their rates or times: `gone=0.5%,post-latency=20ms`.
///
/// A plan is a list of pairs of a [`Kind`] and its setting, separated by commas. Other kinds are off, and `off` is the
/// plan without faults. Spaces around names and settings are ignored. A kind must not appear twice.
///
/// ```
/// use lambda_ws_local::faults::{Kind, Plan};
///
/// let mut plan: Plan = "gone = 0.5%, throttle=0.02, post-latency=5ms..50ms".parse()?;
/// assert_eq!(plan.rate(Kind::Throttle).in_a_million(), 20_000);
/// plan.change("throttle=off")?;
/// assert_eq!(plan.to_string(), "gone=0.5%,post-latency=5ms..50ms");
/// # Ok::<(), lambda_ws_local::faults::PlanError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Plan {
    settings: [Setting; COUNT],
}

/// Rates use the first member, latencies the second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Setting {
    rate: Rate,
    latency: Latency,
}

/// Why a text is not a valid plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A part is not a name and a setting.
    #[error("`{0}` is not a valid fault: expected NAME=RATE or NAME=TIME, such as gone=0.5%")]
    NoPair(String),
    /// No kind has this name.
    #[error("unknown fault `{0}`: expected one of {known}", known = known())]
    Unknown(String),
    /// A kind appears twice.
    #[error("the fault `{0}` is set twice: remove one")]
    Twice(&'static str),
    /// A setting is not valid for its kind.
    #[error("{kind}=`{setting}`: {expected}")]
    Setting {
        /// The kind's name.
        kind: &'static str,
        /// The text.
        setting: String,
        /// The expected text.
        expected: &'static str,
    },
}

impl Plan {
    /// Returns the rate of this kind, which is 0 for a latency.
    pub fn rate(&self, kind: Kind) -> Rate {
        self.settings[kind.index()].rate
    }

    /// Returns the latency of this kind, which is zero for a rate.
    pub fn latency(&self, kind: Kind) -> Latency {
        self.settings[kind.index()].latency
    }

    /// Whether this kind is on.
    pub fn has(&self, kind: Kind) -> bool {
        self.settings[kind.index()] != Setting::default()
    }

    /// Whether all kinds are off.
    pub fn is_off(&self) -> bool {
        *self == Plan::default()
    }

    /// Returns the kinds that are on, with their settings.
    pub fn pairs(&self) -> impl Iterator<Item = (Kind, String)> + '_ {
        let on = Kind::ALL.into_iter().filter(|kind| self.has(*kind));
        on.map(|kind| (kind, self.setting(kind)))
    }

    /// Returns the text of a kind's setting, or `off`.
    pub fn setting(&self, kind: Kind) -> String {
        match kind.is_latency() {
            true => self.latency(kind).to_string(),
            false => self.rate(kind).to_string(),
        }
    }

    /// Changes the kinds in `text`, or nothing if it has an error. `off` turns all kinds off.
    ///
    /// # Errors
    ///
    /// The first error in the text.
    pub fn change(&mut self, text: &str) -> Result<(), PlanError> {
        let text = text.trim();
        if matches!(text, "" | "off") {
            *self = Plan::default();
            return Ok(());
        }
        let mut pairs = Vec::new();
        for part in text.split(',') {
            let pair = part.split_once('=');
            pairs.push(pair.ok_or_else(|| PlanError::NoPair(part.trim().to_owned()))?);
        }
        self.change_pairs(pairs)
    }

    /// Changes the plan like [`change`](Plan::change), by separate pairs.
    ///
    /// # Errors
    ///
    /// The first error in the pairs.
    pub fn change_pairs<'a>(
        &mut self,
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), PlanError> {
        let mut changed = *self;
        let mut named = [false; COUNT];
        for (name, text) in pairs {
            let (name, text) = (name.trim(), text.trim());
            let kind = Kind::named(name).ok_or_else(|| PlanError::Unknown(name.to_owned()))?;
            if std::mem::replace(&mut named[kind.index()], true) {
                return Err(PlanError::Twice(kind.name()));
            }
            let setting = match kind.is_latency() {
                true => Latency::parse(text).map(|latency| Setting {
                    latency,
                    ..Setting::default()
                }),
                false => Rate::parse(text).map(|rate| Setting {
                    rate,
                    ..Setting::default()
                }),
            };
            changed.settings[kind.index()] = setting.map_err(|expected| PlanError::Setting {
                kind: kind.name(),
                setting: text.to_owned(),
                expected,
            })?;
        }
        *self = changed;
        Ok(())
    }
}

impl FromStr for Plan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Plan, PlanError> {
        let mut plan = Plan::default();
        plan.change(text)?;
        Ok(plan)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_off() {
            return f.write_str("off");
        }
        for (number, (kind, setting)) in self.pairs().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(f, "{comma}{}={setting}", kind.name())?;
        }
        Ok(())
    }
}

fn known() -> String {
    let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}
