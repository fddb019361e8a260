//! The parts that the benchmarks share.

mod cores;
mod figure;

pub use cores::Cores;
pub use figure::{Goal, Table, Who, median};

use std::process::ExitCode;
use std::time::Duration;

/// Reads a number above zero from the command line.
///
/// # Errors
///
/// The text is not such a number.
pub fn positive(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a whole number above 0".to_owned())
}

/// Reads a duration in seconds from the command line.
///
/// # Errors
///
/// The text is not a number above zero.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .and_then(|s| Duration::try_from_secs_f64(s).ok());
    let duration = seconds.filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "expected a number of seconds above 0".to_owned())
}

/// Runs a benchmark on a runtime of one thread.
///
/// # Panics
///
/// If the system has no event queue.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .expect("a runtime of one thread needs only an event queue")
        .block_on(future)
}

/// Returns the exit code of a benchmark that has failed or not. Prints an error.
pub fn exit_code(failed: Result<bool, Box<dyn std::error::Error>>) -> ExitCode {
    if let Err(error) = &failed {
        eprintln!("error: {error}");
    }
    ExitCode::from(u8::from(failed.unwrap_or(true)))
}
