use std::fmt;

use crate::template::doctor::location::Location;
use crate::template::doctor::{Problem, READER};

/// One fault of a template.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// The check that found it, as `default-route`.
    pub check: &'static str,
    /// How serious it is.
    pub weight: Weight,
    /// The line, counted from 1; 0 if it belongs to the whole file.
    pub line: usize,
    /// The column, counted from 1; 0 if it belongs to the whole line.
    pub column: usize,
    /// The path of the construct in a CDK program (`aws:cdk:path`), if the template was synthesized by CDK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cdk_path: Option<String>,
    /// The fault: one phrase.
    pub what: String,
    /// The effect of the fault on AWS: one phrase.
    pub effect: String,
    /// The fix: one phrase.
    pub fix: String,
}

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Something fails or is lost on AWS.
    Mistake,
    /// Nothing fails, but something costs more or behaves differently than most applications need.
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

/// The result of a check, before it gets the name of the check.
pub(super) struct Found {
    pub(super) location: Location,
    weight: Weight,
    what: String,
    effect: String,
    fix: String,
}

impl Found {
    pub(super) fn mistake(location: Location, what: impl Into<String>) -> Self {
        Self {
            location,
            weight: Weight::Mistake,
            what: what.into(),
            effect: String::new(),
            fix: String::new(),
        }
    }

    pub(super) fn remark(location: Location, what: impl Into<String>) -> Self {
        Self {
            weight: Weight::Remark,
            ..Self::mistake(location, what)
        }
    }

    pub(super) fn effect(self, effect: impl Into<String>) -> Self {
        Self {
            effect: effect.into(),
            ..self
        }
    }

    pub(super) fn fix(self, fix: impl Into<String>) -> Self {
        Self {
            fix: fix.into(),
            ..self
        }
    }

    pub(super) fn of(self, check: &'static str, construct: Option<&str>) -> Finding {
        Finding {
            check,
            weight: self.weight,
            line: self.location.line,
            column: self.location.column,
            cdk_path: construct.map(str::to_owned),
            what: self.what,
            effect: self.effect,
            fix: self.fix,
        }
    }
}

impl Finding {
    /// A problem of the template's reader.
    pub(super) fn of_reader(problem: &Problem) -> Self {
        let location = Location {
            line: problem.line().unwrap_or(0),
            column: problem.column().unwrap_or(0),
            owner: None,
        };
        let text = problem.to_string();
        let (what, fix) = text.split_once("; ").unwrap_or((&text, ""));
        Found::mistake(location, what)
            .effect("CloudFormation rejects the template, or the first event fails")
            .fix(fix)
            .of(READER, problem.construct())
    }
}
