use std::fmt;

use super::place::Place;
use super::{Problem, READER};

/// One thing that is wrong in a template.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// The check that found it, as `default-route`.
    pub check: &'static str,
    /// How bad it is.
    pub weight: Weight,
    /// The line, counted from 1; 0 if it is of the whole file.
    pub line: usize,
    /// The column, counted from 1; 0 if it is of the whole line.
    pub column: usize,
    /// What is wrong: one phrase.
    pub what: String,
    /// What happens on AWS because of it: one phrase.
    pub effect: String,
    /// What to write instead: one phrase.
    pub mend: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Something does not work.
    Mistake,
    /// Something may be meant, but is seldom wanted.
    Remark,
}

/// `mistake` or `remark`.
impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mistake => "mistake",
            Self::Remark => "remark",
        })
    }
}

/// What a check has found.
pub(super) struct Found {
    place: Place,
    weight: Weight,
    what: String,
    effect: String,
    mend: String,
}

impl Found {
    pub(super) fn mistake(place: Place, what: impl Into<String>) -> Self {
        Self {
            place,
            weight: Weight::Mistake,
            what: what.into(),
            effect: String::new(),
            mend: String::new(),
        }
    }

    pub(super) fn remark(place: Place, what: impl Into<String>) -> Self {
        Self {
            weight: Weight::Remark,
            ..Self::mistake(place, what)
        }
    }

    pub(super) fn effect(self, effect: impl Into<String>) -> Self {
        Self {
            effect: effect.into(),
            ..self
        }
    }

    pub(super) fn mend(self, mend: impl Into<String>) -> Self {
        Self {
            mend: mend.into(),
            ..self
        }
    }

    pub(super) fn of(self, check: &'static str) -> Finding {
        Finding {
            check,
            weight: self.weight,
            line: self.place.line,
            column: self.place.column,
            what: self.what,
            effect: self.effect,
            mend: self.mend,
        }
    }
}

impl From<Problem> for Finding {
    fn from(problem: Problem) -> Self {
        let place = Place {
            line: problem.line().unwrap_or(0),
            column: problem.column().unwrap_or(0),
        };
        let text = problem.to_string();
        let (what, mend) = text.split_once("; ").unwrap_or((&text, ""));
        Found::mistake(place, what)
            .effect("CloudFormation or the first event refuses it")
            .mend(mend)
            .of(READER)
    }
}
