//! Work that goes on while nobody polls it.

use std::future::{Future, pending};
use std::panic::resume_unwind;
use tokio::task::JoinSet;
use tracing::Instrument;

/// What becomes of `work`, which begins at once in a task of its own, and ends if this is dropped.
///
/// A request that is polled only when there is a free moment runs into its timeouts, however fast the
/// other side is.
pub(super) fn driven<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Send + 'static {
    let mut task = JoinSet::new();
    task.spawn(work.in_current_span());
    async move {
        match task.join_next().await {
            Some(Ok(value)) => value,
            Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime is shutting down, and will not ask again.
            _ => pending().await,
        }
    }
}
