//! Notices for the person who runs the functions.

use crate::activity::Operation;
use crate::function::LogLine;
use std::sync::Arc;
use std::time::Duration;

/// A notice for the person who runs the functions.
#[non_exhaustive]
pub enum Notice<'a> {
    /// A line of text.
    Line(&'a str),
    /// A comment between lines to copy.
    Comment(&'a str),
    /// A hint.
    Note(&'a str),
    /// A risk or a loss.
    Warning(&'a str),
    /// A failure of one part. The others continue.
    Error(&'a str),
    /// A line of a function's log.
    Log {
        /// The function's name.
        function: &'a str,
        /// The line.
        line: &'a LogLine,
    },
    /// An operation of the gateway.
    Operation(&'a Operation<'a>),
    /// A call of a management API without clients.
    ClientCall {
        /// `post` or `delete`.
        action: &'a str,
        /// The connection, and the data of a post.
        text: &'a str,
    },
    /// A function is about to be reloaded.
    Reloading {
        /// The function's name.
        function: &'a str,
        /// The files that changed.
        changed: &'a str,
    },
    /// A function was reloaded.
    Reloaded {
        /// The function's name.
        function: &'a str,
        /// Whether its new program differs from the old one.
        differs: bool,
        /// How long it took.
        time: Duration,
    },
    /// A reload failed.
    ReloadFailed {
        /// The function's name, or `template`.
        subject: &'a str,
        /// What stays in use: `program` or `template`.
        kept: &'a str,
        /// The reason.
        reason: &'a str,
    },
}

/// The receiver of notices. Clones share it.
#[derive(Clone)]
pub struct Reporter(Arc<dyn Fn(Notice<'_>) + Send + Sync>);

impl Reporter {
    /// Returns a reporter that calls `receive` with each notice. It is called on async tasks, so it must not block.
    pub fn new(receive: impl Fn(Notice<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(receive))
    }

    /// Passes a notice on.
    pub fn report(&self, notice: Notice<'_>) {
        (self.0)(notice);
    }

    pub(super) fn line(&self, text: impl AsRef<str>) {
        self.report(Notice::Line(text.as_ref()));
    }

    pub(super) fn note(&self, text: impl AsRef<str>) {
        self.report(Notice::Note(text.as_ref()));
    }

    pub(super) fn warning(&self, text: impl AsRef<str>) {
        self.report(Notice::Warning(text.as_ref()));
    }
}
