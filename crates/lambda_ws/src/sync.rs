//! Locks and spawned work.

use crate::trace;
use futures_util::future::BoxFuture;
use std::future::{Future, pending};
use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::task::JoinSet;

/// Locks a mutex, also after a thread panicked while it held the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Spawns `work`, which nobody waits for. It is boxed, so that programs contain the code of one kind of task.
pub(crate) fn detach(work: impl Future<Output = ()> + Send + 'static) {
    let work: BoxFuture<'static, ()> = Box::pin(work);
    tokio::spawn(work);
}

/// Spawns `work` and returns a future of its result. Dropping the future cancels the work.
///
/// A request that is rarely polled would run into its timeouts, however fast the other side is.
pub(crate) fn spawned<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Send + 'static {
    let mut task = JoinSet::new();
    let work: BoxFuture<'static, T> = Box::pin(trace::carried(work));
    task.spawn(work);
    async move {
        match task.join_next().await {
            Some(Ok(value)) => value,
            Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime is shutting down and does not poll this future again.
            _ => pending().await,
        }
    }
}
