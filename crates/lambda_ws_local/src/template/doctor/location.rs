use crate::template::syntax::{Entry, Node};
use crate::template::transform::Resource;

/// A place in a template, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) line: usize,
    pub(super) column: usize,
    /// The logical id of the resource that contains it; `None` if only the line is known.
    pub(super) owner: Option<String>,
}

impl Location {
    /// The place of a property, or of the innermost part of its path that the resource has.
    pub(super) fn of(resource: &Resource, path: &[&str]) -> Self {
        let mut location = Self {
            line: resource.line,
            column: resource.column,
            owner: None,
        };
        let mut node = &resource.properties;
        for name in path {
            let Some(entry) = node.entries().iter().find(|entry| &*entry.key == *name) else {
                break;
            };
            location = entry.into();
            node = &entry.value;
        }
        location.within(resource)
    }

    pub(super) fn within(self, resource: &Resource) -> Self {
        Self {
            owner: Some(resource.id.clone()),
            ..self
        }
    }
}

impl From<&Entry> for Location {
    fn from(entry: &Entry) -> Self {
        Self {
            line: entry.line,
            column: entry.column,
            owner: None,
        }
    }
}

impl From<&Node> for Location {
    fn from(node: &Node) -> Self {
        Self {
            line: node.line,
            column: node.column,
            owner: None,
        }
    }
}
