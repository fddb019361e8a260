//! Why a command failed.

use super::output::Style;
use std::error::Error;

/// Why a command failed, and what to do: one line.
#[derive(Debug)]
pub(super) struct Failure(String);

impl Failure {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What failed, with the whole chain of causes.
    pub(super) fn because(what: &str, error: impl Error) -> Self {
        Self(format!("{what}: {}", chain(&error)))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    pub(super) fn print(&self) {
        let style = Style::stderr();
        eprintln!("{} {}", style.bad("error:"), self.0);
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(chain(&error))
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
