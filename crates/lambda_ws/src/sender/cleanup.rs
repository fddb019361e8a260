//! Work that runs beside an event and must end with it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Work beside an event: Lambda freezes what is left of it when the event ends, so the event waits.
#[derive(Clone, Default)]
pub(crate) struct Cleanup(Arc<Mutex<JoinSet<()>>>);

impl Cleanup {
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// Waits for what is left, for at most `patience`. What is not done then goes on when the
    /// environment is woken for its next event.
    pub(crate) async fn settle(&self, patience: Duration) {
        let mut tasks = {
            let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        if tasks.is_empty() {
            return;
        }
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::debug!(tasks = tasks.len(), "clean-up goes on after the event");
            tasks.detach_all();
        }
    }
}
