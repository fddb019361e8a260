//! Failures with their fixes.

use crate::error_text::error_text;
use std::error::Error;

/// Why something cannot be done, and the fix: one line.
///
/// Not an [`Error`] itself, so that any error converts into it.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A failure of `what`, with the whole chain of causes.
    pub fn because(what: &str, error: impl Error) -> Self {
        Self(format!("{what}: {}", error_text(&error)))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error_text(&error))
    }
}
