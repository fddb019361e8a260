//! The connections that are open.

use crate::gateway::connection::{Close, Connection};
use crate::lock::lock;
use lambda_ws_protocol::ConnectionId;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex};

/// The open connections, from a successful `$connect` to their end.
///
/// One lock is enough: it is held for a hash and a clone, about 0.1 us of the 60 us that a message may cost.
#[derive(Default)]
pub(crate) struct Registry(Mutex<Table>);

#[derive(Default)]
struct Table {
    open: HashMap<ConnectionId, Arc<Connection>>,
    /// Whether the gateway is closing. New connections are then closed at once.
    closing: bool,
}

impl Registry {
    pub(crate) fn insert(&self, connection: Arc<Connection>) {
        let mut table = lock(&self.0);
        if table.closing {
            connection.outbox.request_close(Close::GOING_AWAY);
        }
        table.open.insert(connection.id.clone(), connection);
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Connection>> {
        lock(&self.0).open.get(id).cloned()
    }

    pub(crate) fn remove(&self, id: &ConnectionId) {
        lock(&self.0).open.remove(id);
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.0).open.len()
    }

    /// Returns up to `limit` connections after the id `after`, in the order of their ids.
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

    pub(crate) fn wake_all(&self) {
        for connection in lock(&self.0).open.values() {
            connection.outbox.wake();
        }
    }

    /// Closes all connections, and those that are added later.
    pub(crate) fn close_all(&self) {
        let mut table = lock(&self.0);
        table.closing = true;
        for connection in table.open.values() {
            connection.outbox.request_close(Close::GOING_AWAY);
        }
    }
}
