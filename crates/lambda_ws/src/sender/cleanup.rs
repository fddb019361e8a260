//! Work that runs beside an event and must end with it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::Instrument;

/// Work beside an event: Lambda freezes what is left of it when the event ends, so the event waits.
/// Outside of events nobody else would wait, so the work is done at once.
#[derive(Clone)]
pub(crate) struct Cleanup(Option<Arc<Mutex<JoinSet<()>>>>);

impl Cleanup {
    /// Work beside an event, which calls [`Cleanup::settle`] when it ends.
    pub(crate) fn beside() -> Self {
        Self(Some(Arc::default()))
    }

    /// Work outside of events.
    pub(crate) fn awaited() -> Self {
        Self(None)
    }

    pub(crate) async fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Some(tasks) = &self.0 else {
            return work.await;
        };
        let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work.in_current_span());
    }

    /// Waits for what is left, for at most `patience`. What is not done then goes on when the
    /// environment is woken for its next event.
    pub(crate) async fn settle(&self, patience: Duration) {
        let Some(tasks) = &self.0 else { return };
        let mut tasks = {
            let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
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
