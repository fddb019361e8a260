use crate::template::syntax::{Entry, Node, Problem};
use crate::template::transform::Resource;
use std::fmt;

/// The name of the check whose findings are the problems of the template's reader.
pub(super) const READER: &str = "template";

/// One fault of a template.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The name of the check, such as `default-route`.
    pub check: &'static str,
    /// The severity.
    pub weight: Weight,
    /// The line, counted from 1; 0 if the finding concerns the whole file.
    pub line: usize,
    /// The column, counted from 1; 0 if the finding concerns the whole line.
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
    /// The fix in terms of the CDK, for a template that the CDK synthesized.
    #[serde(skip)]
    pub(super) cdk_fix: Option<String>,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Weight {
    /// Something fails or is lost on AWS.
    Mistake,
    /// Nothing fails, but the cost or the behaviour is not what most applications need.
    Remark,
}

/// Prints `mistake` or `remark`.
impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mistake => "mistake",
            Self::Remark => "remark",
        })
    }
}

impl Finding {
    /// Returns a mistake without an effect and a fix. The caller of the check sets the name of the check.
    pub(super) fn mistake(location: Location, what: impl Into<String>) -> Self {
        Self {
            check: "",
            weight: Weight::Mistake,
            line: location.line,
            column: location.column,
            cdk_path: location.cdk_path,
            what: what.into(),
            effect: String::new(),
            fix: String::new(),
            cdk_fix: None,
        }
    }

    /// Returns a remark without an effect and a fix.
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

    /// Adds the fix for templates that the CDK synthesized.
    pub(super) fn cdk_fix(self, fix: impl Into<String>) -> Self {
        Self {
            cdk_fix: Some(fix.into()),
            ..self
        }
    }

    /// Converts a problem of the template's reader.
    pub(super) fn of_reader(problem: &Problem) -> Self {
        let location = Location {
            line: problem.line().unwrap_or(0),
            column: problem.column().unwrap_or(0),
            cdk_path: problem.construct().map(str::to_owned),
        };
        let text = problem.to_string();
        let (what, fix) = text.split_once("; ").unwrap_or((&text, ""));
        let finding = Self::mistake(location, what)
            .effect("CloudFormation rejects the template, or the first event fails")
            .fix(fix);
        Self {
            check: READER,
            ..finding
        }
    }
}

/// A position in a template. The line and the column are counted from 1; 0 is the whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Location {
    line: usize,
    column: usize,
    cdk_path: Option<String>,
}

impl Location {
    /// Returns the location of a property, or of the innermost existing part of its path.
    pub(super) fn of(resource: &Resource, path: &[&str]) -> Self {
        let mut location = Self {
            line: resource.line,
            column: resource.column,
            cdk_path: None,
        };
        let mut node = &resource.properties;
        for name in path {
            let Some(entry) = node.find(name) else {
                break;
            };
            location = entry.into();
            node = &entry.value;
        }
        location.within(resource)
    }

    /// Adds the CDK construct of the resource that contains the location.
    pub(super) fn within(self, resource: &Resource) -> Self {
        Self {
            cdk_path: resource.construct().map(str::to_owned),
            ..self
        }
    }
}

impl From<&Entry> for Location {
    fn from(entry: &Entry) -> Self {
        Self {
            line: entry.line,
            column: entry.column,
            cdk_path: None,
        }
    }
}

impl From<&Node> for Location {
    fn from(node: &Node) -> Self {
        Self {
            line: node.line,
            column: node.column,
            cdk_path: None,
        }
    }
}
