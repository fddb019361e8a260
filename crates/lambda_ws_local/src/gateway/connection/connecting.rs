//! The connections with a running `$connect`, where posts to them hang (conformance G7).

use crate::lock::lock;
use std::collections::HashMap;
use std::sync::Mutex;
use tokio::sync::watch;

/// The connections with a running `$connect`. Empty unless the options make posts to them hang.
#[derive(Default)]
pub(crate) struct ConnectingSet(Mutex<HashMap<String, watch::Sender<()>>>);

/// A running `$connect`, until this is dropped.
pub(crate) struct Connecting<'a> {
    set: &'a ConnectingSet,
    id: &'a str,
}

impl ConnectingSet {
    pub(crate) fn begin<'a>(&'a self, id: &'a str) -> Connecting<'a> {
        lock(&self.0).insert(id.to_owned(), watch::Sender::default());
        Connecting { set: self, id }
    }

    /// Waits until the `$connect` of this connection has ended. Returns `true` if one was running.
    pub(crate) async fn ended(&self, id: &str) -> bool {
        let found = lock(&self.0).get(id).map(watch::Sender::subscribe);
        let Some(mut ended) = found else {
            return false;
        };
        // The sender never sends. This returns when it is dropped.
        let _ = ended.changed().await;
        true
    }
}

#[cfg(test)]
impl Connecting<'_> {
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.set.0)[self.id].receiver_count()
    }
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        lock(&self.set.0).remove(self.id);
    }
}
