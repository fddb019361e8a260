//! The connections whose `$connect` is under way, where posts to them hang (conformance G7).

use crate::lock::lock;
use std::collections::HashMap;
use std::sync::Mutex;
use tokio::sync::watch;

/// The connections whose `$connect` is under way; empty unless the options want posts to them to hang.
#[derive(Default)]
pub(crate) struct ConnectingSet(Mutex<HashMap<String, watch::Sender<()>>>);

/// A `$connect` that is under way, until this is dropped.
pub(crate) struct Connecting<'a> {
    set: &'a ConnectingSet,
    id: &'a str,
}

impl ConnectingSet {
    /// Remembers a connection.
    pub(crate) fn begin<'a>(&'a self, id: &'a str) -> Connecting<'a> {
        lock(&self.0).insert(id.to_owned(), watch::Sender::default());
        Connecting { set: self, id }
    }

    /// Waits until no `$connect` of this connection is under way; `true` if one was.
    pub(crate) async fn ended(&self, id: &str) -> bool {
        let found = lock(&self.0).get(id).map(watch::Sender::subscribe);
        let Some(mut ended) = found else {
            return false;
        };
        // Nothing is ever sent: this returns when the sender is dropped.
        let _ = ended.changed().await;
        true
    }
}

#[cfg(test)]
impl Connecting<'_> {
    /// How many wait for its end.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.set.0)[self.id].receiver_count()
    }
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        lock(&self.set.0).remove(self.id);
    }
}
