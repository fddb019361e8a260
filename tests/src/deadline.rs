//! Waiting, with an end.

use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long a test waits for something that takes milliseconds, on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The first and the longest pause between two looks at something that tells nobody when it changes.
const PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(200)];

/// Waits for `future` for up to [`PATIENCE`].
///
/// # Panics
///
/// With `what`, if it does not happen.
#[track_caller]
pub fn within<T>(what: &str, future: impl Future<Output = T>) -> impl Future<Output = T> {
    within_time(PATIENCE, what, future)
}

/// Waits for `future` for up to `patience`.
///
/// # Panics
///
/// With `what`, if it does not happen.
#[track_caller]
pub fn within_time<T>(
    patience: Duration,
    what: &str,
    future: impl Future<Output = T>,
) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match timeout(patience, future).await {
            Ok(done) => done,
            Err(_) => panic!("{what}: not within {} s ({caller})", patience.as_secs()),
        }
    }
}

/// Looks again and again until `look` finds something.
///
/// # Panics
///
/// With `what`, if it does not within [`PATIENCE`].
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    let [mut pause, longest] = PAUSES;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            Instant::now() < end,
            "{what}: not within {} s",
            PATIENCE.as_secs()
        );
        sleep(pause).await;
        pause = longest.min(pause * 2);
    }
}
