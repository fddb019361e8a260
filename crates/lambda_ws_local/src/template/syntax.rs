//! The text of a template as a tree of nodes, and what is found wrong while it is read.

mod construct;
mod document;
mod error;
mod intrinsic;
mod json_document;
mod merge;
mod node;
mod note;
mod problem;
mod report;

pub(crate) use construct::Constructs;
pub(crate) use document::read;
pub use error::TemplateError;
pub(crate) use node::{Entry, Node, Value};
pub use note::Note;
pub use problem::Problem;
pub(crate) use report::Report;
