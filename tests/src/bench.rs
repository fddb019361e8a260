//! The parts that the benchmarks share.

mod cores;
mod figure;

pub use cores::Cores;
pub use figure::{Goal, Table, Who, median};

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

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

/// Runs a command that installs packages, for up to `patience`.
///
/// # Errors
///
/// The command does not start, fails or does not end. It is killed then.
pub fn run_within(patience: Duration, command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut child = started.map_err(|error| format!("{shown} does not start: {error}"))?;
    let end = Instant::now() + patience;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("{shown} fails: {status}")),
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(100)),
            Ok(None) => {
                // It may have ended by now.
                let _ = child.kill();
                let _ = child.wait();
                let seconds = patience.as_secs();
                return Err(format!("{shown} did not end within {seconds} s"));
            }
            Err(error) => return Err(format!("{shown}: {error}")),
        }
    }
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
