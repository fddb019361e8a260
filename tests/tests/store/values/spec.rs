//! What may happen to one value, one thing after another.

use crate::store::history;
use lambda_ws::Timestamp;
use lambda_ws::store::Value;

/// What is kept, as far as it is the same for every store. No two calls write the same value, so it
/// stands for its version, too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Kept {
    pub(crate) value: String,
    pub(crate) expires: Option<Timestamp>,
}

impl From<&Value> for Kept {
    fn from(value: &Value) -> Self {
        Self {
            value: value.value.clone(),
            expires: value.expires,
        }
    }
}

/// Something that is asked about a value, or done to it. What has expired is none.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Read,
    /// Whether it is among the keys.
    Find,
    Write(Kept),
    /// In place of the value that was read, or of none.
    Replace(Option<String>, Kept),
    Delete,
    Take,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Conflict,
    Read(Option<Kept>),
    Found(bool),
    Deleted(bool),
    Taken(Option<String>),
    Unknown,
}

impl history::Action for Action {
    type State = Option<Kept>;
    type Outcome = Outcome;

    const UNKNOWN: Outcome = Outcome::Unknown;

    fn apply(&self, kept: &mut Option<Kept>) -> Outcome {
        match self {
            Self::Read => Outcome::Read(kept.clone()),
            Self::Find => Outcome::Found(kept.is_some()),
            Self::Delete => Outcome::Deleted(kept.take().is_some()),
            Self::Take => Outcome::Taken(kept.take().map(|kept| kept.value)),
            Self::Replace(before, _)
                if kept.as_ref().map(|kept| &kept.value) != before.as_ref() =>
            {
                Outcome::Conflict
            }
            Self::Write(new) | Self::Replace(_, new) => {
                *kept = Some(new.clone());
                Outcome::Done
            }
        }
    }

    fn is_refusal(outcome: &Outcome) -> bool {
        matches!(
            outcome,
            Outcome::Conflict | Outcome::Deleted(false) | Outcome::Taken(None)
        )
    }

    fn is_own_work(&self, kept: &Option<Kept>) -> bool {
        match self {
            Self::Replace(_, new) => kept.as_ref() == Some(new),
            _ => false,
        }
    }

    /// Only what has a version does not come again.
    fn may_repeat(&self) -> bool {
        match self {
            Self::Write(_) | Self::Replace(None, _) | Self::Delete | Self::Take => true,
            Self::Replace(Some(_), _) | Self::Read | Self::Find => false,
        }
    }
}
