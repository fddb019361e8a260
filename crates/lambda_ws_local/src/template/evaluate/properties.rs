use super::evaluator::Evaluator;
use crate::template::syntax::{Node, Problem, Value};
use crate::template::transform::Resource;
use std::ops::RangeInclusive;

/// A map of properties. Each property is evaluated when it is used.
#[derive(Clone)]
pub(crate) struct Properties<'e> {
    evaluator: &'e Evaluator<'e>,
    node: Node,
    /// The owner of the properties, for a message: "function `Chat`".
    pub(crate) owner: String,
}

impl<'e> Properties<'e> {
    pub(crate) fn new(
        evaluator: &'e Evaluator<'e>,
        node: &Node,
        owner: impl Into<String>,
    ) -> Result<Self, Problem> {
        let node = evaluator.value(node)?;
        let owner = owner.into();
        if matches!(node.value, Value::Map(_) | Value::Null) {
            return Ok(Self {
                evaluator,
                node,
                owner,
            });
        }
        let text = format!("{owner} is {}: expected a map", node.kind());
        Err(node.problem(text))
    }

    /// Returns the properties of a resource. `what` is its type in messages, such as "function".
    pub(crate) fn of(
        evaluator: &'e Evaluator<'e>,
        resource: &Resource,
        what: &str,
    ) -> Result<Self, Problem> {
        let owner = format!("{what} `{}`", resource.id);
        Self::new(evaluator, &resource.properties, owner)
    }

    /// Returns the keys with their values, without evaluating them.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&str, &Node)> {
        let entries = self.node.entries().iter();
        entries.map(|entry| (&*entry.key, &entry.value))
    }

    /// Returns the line of a property, or of the whole map.
    pub(crate) fn line(&self, name: &str) -> usize {
        let entry = self.node.find(name);
        entry.map_or(self.node.line, |entry| entry.line)
    }

    pub(crate) fn problem(&self, name: &str, text: impl Into<String>) -> Problem {
        Problem::new(self.line(name), text)
    }

    pub(crate) fn note(&self, name: &str, text: impl Into<String>) {
        self.evaluator.report.note(self.line(name), text);
    }

    /// Returns the value of a property; `None` if it is not set or `AWS::NoValue`.
    pub(crate) fn value(&self, name: &str) -> Result<Option<Node>, Problem> {
        let Some(node) = self.node.entry(name) else {
            return Ok(None);
        };
        let value = self.evaluator.value(node);
        let value = value.map_err(|problem| self.context(name, problem))?;
        Ok((!value.is_null()).then_some(value))
    }

    /// Returns the string in a property. `None` if it is not set, or if it is unknown and the evaluator is lenient.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        self.unless_unknown(self.known_text(name))
    }

    /// Returns the string in a property. `None` only if it is not set.
    pub(crate) fn known_text(&self, name: &str) -> Result<Option<String>, Problem> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        let text = self.evaluator.text(&value);
        text.map(Some)
            .map_err(|problem| self.context(name, problem))
    }

    fn unless_unknown<T>(&self, read: Result<Option<T>, Problem>) -> Result<Option<T>, Problem> {
        match read {
            Err(problem) if self.evaluator.counts_as_absent(&problem) => Ok(None),
            read => read,
        }
    }

    /// Returns the string in a property that must be set.
    pub(crate) fn required(&self, name: &str) -> Result<String, Problem> {
        self.known_text(name)?
            .ok_or_else(|| Problem::new(self.node.line, format!("{} has no `{name}`", self.owner)))
    }

    /// Returns a property that is true or false; false if it is not set.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => {
                let owner = &self.owner;
                let text = format!("`{name}` of {owner} is `{other}`: expected true or false");
                Err(self.problem(name, text))
            }
        }
    }

    /// Returns a property that is a whole number within the limits of AWS.
    pub(crate) fn number(
        &self,
        name: &str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let number = text.trim().parse().ok();
        let number = number.filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = range.into_inner();
            let text = format!(
                "`{name}` of {} is `{text}`: expected a whole number from {least} to {most}",
                self.owner
            );
            self.problem(name, text)
        })
    }

    /// Returns the elements of a property that is a list. The result is empty if it is not set.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<Node>, Problem> {
        let Some(value) = self.unless_unknown(self.value(name))? else {
            return Ok(Vec::new());
        };
        let list = self.evaluator.list(&value);
        list.map_err(|problem| self.context(name, problem))
    }

    /// Returns the map in a property. The map is empty if the property is not set.
    pub(crate) fn map(&self, name: &str) -> Result<Self, Problem> {
        let value = self.unless_unknown(self.value(name))?;
        let value = value.unwrap_or(Node::null(self.node.line));
        Self::new(
            self.evaluator,
            &value,
            format!("`{name}` of {}", self.owner),
        )
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.node.entries().is_empty()
    }

    fn context(&self, name: &str, problem: Problem) -> Problem {
        problem.context(&format!("`{name}` of {}", self.owner))
    }
}
