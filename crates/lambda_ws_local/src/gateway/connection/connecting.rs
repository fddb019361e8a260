//! The connections whose `$connect` is under way, where posts to them hang (conformance G7).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The connections whose `$connect` is under way; empty unless the options want posts to them to hang.
#[derive(Default)]
pub(in crate::gateway) struct ConnectingSet(Mutex<HashMap<String, watch::Receiver<()>>>);

/// A `$connect` that is under way, until this is dropped.
pub(in crate::gateway) struct Connecting<'a> {
    set: &'a ConnectingSet,
    id: &'a str,
    /// Who waits notices when it is gone.
    _end: watch::Sender<()>,
}

impl ConnectingSet {
    /// Remembers a connection.
    pub(in crate::gateway) fn begin<'a>(&'a self, id: &'a str) -> Connecting<'a> {
        let (end, ended) = watch::channel(());
        self.lock().insert(id.to_owned(), ended);
        Connecting {
            set: self,
            id,
            _end: end,
        }
    }

    /// Waits until no `$connect` of this connection is under way; `true` if one was.
    pub(in crate::gateway) async fn ended(&self, id: &str) -> bool {
        let found = self.lock().get(id).cloned();
        let Some(mut ended) = found else {
            return false;
        };
        // Nothing is ever sent: this returns when the sender is dropped.
        let _ = ended.changed().await;
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<()>>> {
        // Every change is a single step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Connecting<'_> {
    /// How many wait for its end.
    pub(in crate::gateway) fn waiting(&self) -> usize {
        // One is the receiver that they are clones of.
        self._end.receiver_count() - 1
    }
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        self.set.lock().remove(self.id);
    }
}
