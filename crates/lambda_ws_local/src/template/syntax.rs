//! The text of a template as a tree of nodes, with its problems and notes.

mod document;
mod nested_stacks;
mod node;
mod other_stacks;
mod problem;
mod report;

pub(crate) use document::read;
pub(crate) use node::{Entry, Node, Value};
pub(crate) use other_stacks::joined;
pub(crate) use problem::listed;
pub use problem::{Problem, TemplateError};
pub use report::Note;
pub(crate) use report::Report;
