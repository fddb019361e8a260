//! The connections that are open.

use crate::gateway::connection::{Close, Connection};
use crate::lock::lock;
use lambda_ws_protocol::ConnectionId;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex};

/// The connections that are open: those whose `$connect` succeeded and that have not ended.
///
/// One lock: it is held for a hash and a clone, about 0.1 us of the 60 us a message may cost.
#[derive(Default)]
pub(crate) struct Registry(Mutex<Table>);

#[derive(Default)]
struct Table {
    open: HashMap<ConnectionId, Arc<Connection>>,
    /// The gateway ends; who still comes is sent away.
    closing: bool,
}

impl Registry {
    /// Adds a connection.
    pub(crate) fn insert(&self, connection: Arc<Connection>) {
        let mut table = lock(&self.0);
        if table.closing {
            connection.outbox.request_close(Close::GOING_AWAY);
        }
        table.open.insert(connection.id.clone(), connection);
    }

    /// The open connection of this id.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Connection>> {
        lock(&self.0).open.get(id).cloned()
    }

    /// Forgets a connection.
    pub(crate) fn remove(&self, id: &ConnectionId) {
        lock(&self.0).open.remove(id);
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        lock(&self.0).open.len()
    }

    /// The first `limit` of those whose ids are behind `after`, in the order of their ids.
    pub(crate) fn page(&self, after: Option<&str>, limit: usize) -> Vec<Arc<Connection>> {
        let table = lock(&self.0);
        let ids = table.open.keys().map(ConnectionId::as_str);
        let mut first = BinaryHeap::new();
        for id in ids.filter(|id| after.is_none_or(|after| *id > after)) {
            first.push(id);
            if first.len() > limit {
                first.pop();
            }
        }
        let first = first.into_sorted_vec();
        first
            .iter()
            .map(|id| Arc::clone(&table.open[*id]))
            .collect()
    }

    /// Wakes the task of each.
    pub(crate) fn wake_all(&self) {
        for connection in lock(&self.0).open.values() {
            connection.outbox.wake();
        }
    }

    /// Asks all of them, and those that come later, to go away.
    pub(crate) fn close_all(&self) {
        let mut table = lock(&self.0);
        table.closing = true;
        for connection in table.open.values() {
            connection.outbox.request_close(Close::GOING_AWAY);
        }
    }
}
