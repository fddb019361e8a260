//! What can go wrong with a function's processes and with one event.

use bytes::Bytes;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// The largest response in bytes: Lambda's "6 MB" for synchronous invocations.
pub const RESPONSE_LIMIT: usize = 6_291_556;

/// Why no process of the function is ready for events.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The program cannot be started: it does not exist or is not executable.
    #[error("cannot start {program}")]
    Spawn {
        /// The program as it was configured.
        program: String,
        /// The reason.
        source: io::Error,
    },
    /// No port of 127.0.0.1 for the Runtime API.
    #[error("cannot listen on 127.0.0.1 for the Runtime API")]
    Listen(#[source] io::Error),
    /// The program ended before it asked for its first event.
    #[error(
        "the function's program ended before it asked for an event ({status}){}",
        stderr_text(stderr)
    )]
    Exited {
        /// Its exit code or signal.
        status: ExitStatus,
        /// The last lines it wrote to stderr.
        stderr: Vec<String>,
    },
    /// The program reported that it cannot start (`/runtime/init/error`).
    #[error(
        "the function's program cannot start: {error_type}: {message}{}",
        stderr_text(stderr)
    )]
    Init {
        /// `errorType` of the report.
        error_type: String,
        /// `errorMessage` of the report.
        message: String,
        /// The last lines it wrote to stderr.
        stderr: Vec<String>,
    },
    /// The program runs but has not asked for an event in time.
    #[error(
        "the function's program asked for no event within {:.1} s: is it a Lambda function?{}",
        after.as_secs_f64(),
        stderr_text(stderr)
    )]
    TimedOut {
        /// The time it had.
        after: Duration,
        /// The last lines it wrote to stderr.
        stderr: Vec<String>,
    },
    /// The function was stopped meanwhile.
    #[error("the function is stopped")]
    Stopped,
}

/// Why an event has no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// The function answered with an error (`/runtime/invocation/{id}/error`).
    #[error("the function failed: {error_type}: {message}")]
    Handler {
        /// `errorType` of the report; `Unhandled` if it has none.
        error_type: String,
        /// `errorMessage` of the report; the whole report if it is not of Lambda's form.
        message: String,
        /// The report as it came, up to 256 KB; empty if there was none.
        report: Bytes,
    },
    /// The process ended with the event in hand.
    #[error("the function's process ended before it answered ({status})")]
    Crashed {
        /// Its exit code or signal.
        status: ExitStatus,
    },
    /// The function took longer than its timeout; its process is gone.
    #[error("task timed out after {:.2} seconds", after.as_secs_f64())]
    TimedOut {
        /// The function's timeout.
        after: Duration,
    },
    /// Every process is busy and the event has waited too long, or too many wait already. Lambda answers 429.
    #[error("every process of the function is busy; raise its concurrency")]
    Throttled,
    /// The response is over [`RESPONSE_LIMIT`].
    #[error("the response has {size} bytes, and Lambda accepts {}", RESPONSE_LIMIT)]
    TooLarge {
        /// The size of the response in bytes.
        size: usize,
    },
    /// The request id cannot stand in a header.
    #[error("the request id must be visible ASCII without spaces or slashes")]
    BadRequestId,
    /// No process was ready, and the one that was started for this event did not get ready.
    #[error("no process of the function starts")]
    Start(#[source] StartError),
    /// The function's first process is not ready yet.
    #[error("the function is still being started")]
    Pending,
    /// The program that runs the function (see [`remote`](crate::remote)) cannot be reached or does not have it.
    #[error("{reason}")]
    Unreachable {
        /// What is wrong, and what helps.
        reason: String,
    },
    /// The function was stopped meanwhile.
    #[error("the function is stopped")]
    Stopped,
}

fn stderr_text(stderr: &[String]) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!("; its last words:\n{}", stderr.join("\n"))
    }
}
