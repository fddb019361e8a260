//! What goes wrong, and how often.

use super::kind::{COUNT, Kind};
use super::setting::{Latency, Rate};
use std::fmt;
use std::str::FromStr;

/// What goes wrong and how often: `gone=0.5%,post-latency=20ms`.
///
/// A plan is written as pairs of a [`Kind`] and its setting, separated by commas; what it does not name is off, and `off` is
/// the plan in which nothing goes wrong. Spaces around names and settings do not matter; a kind is named once.
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

/// Why a text is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A part is not a name and a setting.
    #[error("`{0}` is no fault: write it as NAME=RATE or NAME=TIME, such as gone=0.5%")]
    NoPair(String),
    /// No kind has this name.
    #[error("there is no fault `{0}`: known are {known}", known = known())]
    Unknown(String),
    /// A kind is named twice.
    #[error("the fault `{0}` is set twice")]
    Twice(&'static str),
    /// A setting is none of its kind.
    #[error("{kind}=`{setting}`: {expected}")]
    Setting {
        /// The kind's name.
        kind: &'static str,
        /// What was written.
        setting: String,
        /// What can be written.
        expected: &'static str,
    },
}

impl Plan {
    /// How often this kind happens; never, if it is a latency.
    pub fn rate(&self, kind: Kind) -> Rate {
        self.settings[kind.index()].rate
    }

    /// How long this kind takes; no time, if it is none that takes any.
    pub fn latency(&self, kind: Kind) -> Latency {
        self.settings[kind.index()].latency
    }

    /// Whether this kind can happen.
    pub fn has(&self, kind: Kind) -> bool {
        self.settings[kind.index()] != Setting::default()
    }

    /// Whether nothing goes wrong.
    pub fn is_off(&self) -> bool {
        *self == Plan::default()
    }

    /// The kinds that can happen, with their settings.
    pub fn pairs(&self) -> impl Iterator<Item = (Kind, String)> + '_ {
        let on = Kind::ALL.into_iter().filter(|kind| self.has(*kind));
        on.map(|kind| (kind, self.setting(kind)))
    }

    /// One kind's setting, as it is written; `off` if it cannot happen.
    pub fn setting(&self, kind: Kind) -> String {
        match kind.is_latency() {
            true => self.latency(kind).to_string(),
            false => self.rate(kind).to_string(),
        }
    }

    /// Changes what `text` names, and nothing if it has an error; `off` turns everything off.
    ///
    /// # Errors
    ///
    /// The first mistake in the text.
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

    /// As [`change`](Plan::change), with the pairs already separated.
    ///
    /// # Errors
    ///
    /// The first mistake in them.
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

/// The names of all kinds.
fn known() -> String {
    let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}
