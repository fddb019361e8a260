use std::ops::RangeInclusive;

use super::evaluator::Evaluator;
use crate::template::syntax::{Node, Problem, Value};

/// A map of properties, each evaluated when it is asked for.
#[derive(Clone)]
pub(crate) struct Properties<'s, 'a> {
    evaluator: &'s Evaluator<'a>,
    node: Node,
    /// Whose properties these are, for a message: "function `Chat`".
    pub(crate) owner: String,
}

impl<'s, 'a> Properties<'s, 'a> {
    pub(crate) fn new(
        evaluator: &'s Evaluator<'a>,
        node: &Node,
        owner: impl Into<String>,
    ) -> Result<Self, Problem> {
        let node = evaluator.value(node)?;
        let owner = owner.into();
        match node.value {
            Value::Map(_) | Value::Null => Ok(Self {
                evaluator,
                node,
                owner,
            }),
            _ => Err(Problem::new(
                node.line,
                format!("{owner}: a map belongs here, and this is {}", node.kind()),
            )),
        }
    }

    /// The keys that are written down, with their lines.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.node
            .entries()
            .iter()
            .map(|entry| (&*entry.key, &entry.value))
    }

    /// The line of a property, or of the whole map.
    pub(crate) fn line(&self, name: &str) -> usize {
        self.node
            .entries()
            .iter()
            .find(|entry| &*entry.key == name)
            .map_or(self.node.line, |entry| entry.line)
    }

    /// A property's value; `None` if it is not set or `AWS::NoValue`.
    pub(crate) fn value(&self, name: &str) -> Result<Option<Node>, Problem> {
        let Some(node) = self.node.entry(name) else {
            return Ok(None);
        };
        let value = self
            .evaluator
            .value(node)
            .map_err(|problem| self.told(name, problem))?;
        Ok((!value.is_null()).then_some(value))
    }

    /// A property's text; `None` if it is not set, or unknown in a lenient scope.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        self.unless_unknown(self.known_text(name))
    }

    /// A property's text; `None` only if it is not set.
    pub(crate) fn known_text(&self, name: &str) -> Result<Option<String>, Problem> {
        let value = self.value(name)?;
        value
            .map(|value| {
                self.evaluator
                    .text(&value)
                    .map_err(|problem| self.told(name, problem))
            })
            .transpose()
    }

    fn unless_unknown<T>(&self, read: Result<Option<T>, Problem>) -> Result<Option<T>, Problem> {
        match read {
            Err(problem) if self.evaluator.skips(&problem) => Ok(None),
            read => read,
        }
    }

    pub(crate) fn required(&self, name: &str) -> Result<String, Problem> {
        self.known_text(name)?
            .ok_or_else(|| Problem::new(self.node.line, format!("{} has no `{name}`", self.owner)))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Problem::new(
                self.line(name),
                format!(
                    "{}: `{name}` is `{other}`, but it is true or false",
                    self.owner
                ),
            )),
        }
    }

    /// A whole number within AWS's bounds.
    pub(crate) fn number(
        &self,
        name: &str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let number = text
            .trim()
            .parse()
            .ok()
            .filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = range.into_inner();
            let text = format!(
                "{}: `{name}` is `{text}`, but it is a whole number from {least} to {most}",
                self.owner
            );
            Problem::new(self.line(name), text)
        })
    }

    pub(crate) fn list(&self, name: &str) -> Result<Vec<Node>, Problem> {
        let Some(value) = self.unless_unknown(self.value(name))? else {
            return Ok(Vec::new());
        };
        self.evaluator
            .list(&value)
            .map_err(|problem| self.told(name, problem))
    }

    /// The map under a property; one without entries if it is not set.
    pub(crate) fn map(&self, name: &str) -> Result<Properties<'s, 'a>, Problem> {
        let value = self.unless_unknown(self.value(name))?;
        let value = value.unwrap_or(Node::null(self.node.line));
        Properties::new(self.evaluator, &value, format!("{}, `{name}`", self.owner))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.node.entries().is_empty()
    }

    fn told(&self, name: &str, problem: Problem) -> Problem {
        problem.context(&format!("`{name}` of {}", self.owner))
    }
}
