//! The lines of a function's log.

use std::sync::Arc;

/// One line of a function's log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// The number of the execution environment, from 1 in the order of their starts.
    pub environment: u64,
    /// The last event of the environment when the line was read, or `None` before its first.
    pub request_id: Option<Arc<str>>,
    /// The source of the line.
    pub stream: Stream,
    /// The line without its end. Invalid UTF-8 is replaced.
    pub text: String,
}

/// The source of a [`LogLine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stream {
    /// The program's standard output.
    Stdout,
    /// The program's standard error.
    Stderr,
    /// The environment itself: timeouts and ends of processes, with Lambda's texts.
    Platform,
}
