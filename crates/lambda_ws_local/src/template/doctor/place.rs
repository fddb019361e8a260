use super::super::node::{Entry, Node};
use super::super::resource::Resource;

/// A place in a template, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    /// Where a property of a resource is, or as much of the way there as the resource has.
    pub(super) fn of(resource: &Resource, path: &[&str]) -> Self {
        let mut place = Self {
            line: resource.line,
            column: resource.column,
        };
        let mut node = &resource.properties;
        for name in path {
            let Some(entry) = node.entries().iter().find(|entry| &*entry.key == *name) else {
                break;
            };
            place = entry.into();
            node = &entry.value;
        }
        place
    }
}

impl From<&Entry> for Place {
    fn from(entry: &Entry) -> Self {
        Self {
            line: entry.line,
            column: entry.column,
        }
    }
}

impl From<&Node> for Place {
    fn from(node: &Node) -> Self {
        Self {
            line: node.line,
            column: node.column,
        }
    }
}
