//! The members of a small room that are read while a message is appended to its log.
//!
//! A broadcast has to read the members after the append: a client that joined in between has not read the message from
//! the log. The members of the early read need not wait for that. They are sent to at once, and the others when the
//! second read finds them.

use super::super::Sender;
use super::reader::CHUNK;
use crate::ConnectionId;
use crate::store::{Scope, Slice};
use crate::sync::spawned;
use crate::task::Remaining;
use futures_util::future::BoxFuture;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// How old the early read may be when the broadcast begins. Members that left meanwhile receive the message too.
const FRESH: Duration = Duration::from_secs(1);

/// A running read of the members of a room. Dropping it cancels the read.
pub(in crate::sender) struct EarlyRead {
    began: Instant,
    /// `None` if the room is large, or cannot be read.
    ids: BoxFuture<'static, Option<Vec<ConnectionId>>>,
}

impl EarlyRead {
    /// Starts to read the members of a room. Returns `None` for a room that this process knows as large, because its
    /// second read would cost too much.
    pub(in crate::sender) fn start(sender: &Sender, room: &String) -> Option<Self> {
        let began = Instant::now();
        if sender.histories()?.is_large(room, began) {
            return None;
        }
        let (sender, room) = (sender.clone(), room.clone());
        let ids = spawned(async move {
            let scope = Scope::Room(room.clone());
            let store = sender.store();
            let page = store.page(&scope, Slice::ALL, None, sender.now());
            let page = page.await.ok()?;
            if page.next.is_none() && page.ids.len() <= CHUNK {
                return Some(page.ids);
            }
            sender.histories()?.add_large(room, Instant::now());
            None
        });
        Some(Self {
            began,
            ids: Box::pin(ids),
        })
    }
}

/// The early members of a broadcast.
pub(super) struct EarlyMembers {
    read: Option<EarlyRead>,
    /// The members of the early read that the second read has not found yet.
    ids: HashSet<ConnectionId>,
}

impl EarlyMembers {
    pub(super) fn new(read: Option<EarlyRead>) -> Self {
        Self {
            read: read.filter(|read| read.began.elapsed() <= FRESH),
            ids: HashSet::new(),
        }
    }

    /// Returns the members of the early read once. `None` if there is no such read, or it has failed.
    pub(super) async fn next(&mut self) -> Option<Vec<ConnectionId>> {
        let ids = (&mut self.read.as_mut()?.ids).await;
        self.read = None;
        self.ids.extend(ids.iter().flatten().cloned());
        ids
    }

    /// Cancels the early read: the second one was faster.
    pub(super) fn cancel(&mut self) {
        self.read = None;
    }

    /// Removes the early members from those that the second read has found.
    pub(super) fn remove_from(&mut self, found: &mut Vec<ConnectionId>) {
        if !self.ids.is_empty() {
            found.retain(|id| !self.ids.remove(id));
        }
    }

    /// Excludes the early members from ranges that are not read yet, unless they have not received the message.
    pub(super) fn exclude_from(&self, rest: &mut Remaining) {
        if self.ids.is_empty() || rest.ranges.is_empty() {
            return;
        }
        let is_early = |id: &mut ConnectionId| self.ids.contains(id);
        let unsent: HashSet<_> = rest.ids.extract_if(.., is_early).collect();
        rest.except.extend(self.ids.difference(&unsent).cloned());
    }
}
