//! Failures with their fixes.

use crate::error_text::error_text;
use std::error::Error;

/// Why something failed, and the fix, in one line.
///
/// It does not implement [`Error`], so that any error converts into it.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// Returns a failure with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns a failure with the text `what` and the chain of causes.
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
