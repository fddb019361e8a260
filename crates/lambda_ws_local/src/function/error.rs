//! Errors of a function's processes and of single events.

use bytes::Bytes;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// The maximum size of a response, in bytes: Lambda's "6 MB" for synchronous invocations.
pub const RESPONSE_LIMIT: usize = 6_291_556;

/// Why no process of the function gets ready.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The program does not exist or is not executable.
    #[error("cannot start {program}")]
    Spawn {
        /// The program as configured.
        program: String,
        /// The reason.
        source: io::Error,
    },
    /// There is no free port of 127.0.0.1 for the Runtime API.
    #[error("cannot listen on 127.0.0.1 for the Runtime API")]
    Listen(#[source] io::Error),
    /// The program ended before it requested its first event.
    #[error(
        "the function's program ended before it requested an event ({status}){}",
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
    /// The program runs, but did not request an event in time.
    #[error(
        "the function's program did not request an event within {:.1} s: check that it is a Lambda function{}",
        after.as_secs_f64(),
        stderr_text(stderr)
    )]
    TimedOut {
        /// The timeout.
        after: Duration,
        /// The last lines it wrote to stderr.
        stderr: Vec<String>,
    },
    /// The function was stopped.
    #[error("the function is stopped")]
    Stopped,
}

/// Why an event has no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// The function returned an error (`/runtime/invocation/{id}/error`).
    #[error("the function failed: {error_type}: {message}")]
    Handler {
        /// `errorType` of the report, or `Unhandled`.
        error_type: String,
        /// `errorMessage` of the report, or the whole report if it is not in Lambda's format.
        message: String,
        /// The report as received, up to 256 KB, or empty.
        report: Bytes,
    },
    /// The process ended while it handled the event.
    #[error("the function's process ended before it responded ({status})")]
    Crashed {
        /// Its exit code or signal.
        status: ExitStatus,
    },
    /// The function exceeded its timeout. Its process was killed.
    #[error("task timed out after {:.2} seconds", after.as_secs_f64())]
    TimedOut {
        /// The function's timeout.
        after: Duration,
    },
    /// Every process is busy, and the event waited too long or the queue is full. Lambda responds 429.
    #[error("every process of the function is busy: raise --concurrency")]
    Throttled,
    /// The response is over [`RESPONSE_LIMIT`].
    #[error(
        "the response is too large: {size} bytes; Lambda accepts at most {}",
        RESPONSE_LIMIT
    )]
    TooLarge {
        /// The size of the response in bytes.
        size: usize,
    },
    /// The request id is not valid in a header.
    #[error("the request id must be visible ASCII without spaces or slashes")]
    BadRequestId,
    /// No process was ready, and the new process for this event did not get ready.
    #[error("no process of the function could start")]
    Start(#[source] StartError),
    /// The function's first process is not ready yet.
    #[error("the function is still starting")]
    Pending,
    /// The program that runs the function (see [`remote`](crate::remote)) is unreachable or does not have the function.
    #[error("{reason}")]
    Unreachable {
        /// The fault and the fix.
        reason: String,
    },
    /// The function was stopped.
    #[error("the function is stopped")]
    Stopped,
}

fn stderr_text(stderr: &[String]) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!("; its last lines:\n{}", stderr.join("\n"))
    }
}
