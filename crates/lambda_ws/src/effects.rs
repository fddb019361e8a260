//! The effects of an event.

use crate::payload::Payload;
use crate::store::Record;
use crate::sync::lock;
use crate::trace;
use crate::{ConnectionId, Timestamp};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::task::JoinSet;

/// The effects of an event that are completed when its handler has returned; clones share them.
#[derive(Clone)]
pub(crate) struct Effects(Arc<Inner>);

struct Inner {
    registration: Mutex<Registration>,
    joins: Mutex<Option<Joins>>,
    /// Work that is spawned beside the event. Outside of events nobody waits for it later, so there is none.
    background: Option<Mutex<JoinSet<()>>>,
}

/// The properties of a connection that are stored once its handshake is accepted.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    pub(crate) user: Option<String>,
    pub(crate) rooms: Vec<String>,
    pub(crate) session: Option<String>,
    /// Messages to rooms.
    pub(crate) announcements: Vec<(String, Payload)>,
}

/// The rooms in which an event made its user present.
#[derive(Debug)]
pub(crate) struct Joins {
    pub(crate) user: String,
    pub(crate) rooms: Vec<String>,
}

impl Effects {
    /// Effects of an event, which calls [`Effects::settle`] when it ends: Lambda freezes the process then.
    pub(crate) fn spawned() -> Self {
        Self::new(Some(Mutex::default()))
    }

    /// Effects outside of events: background work is awaited at once.
    pub(crate) fn inline() -> Self {
        Self::new(None)
    }

    fn new(background: Option<Mutex<JoinSet<()>>>) -> Self {
        Self(Arc::new(Inner {
            registration: Mutex::default(),
            joins: Mutex::default(),
            background,
        }))
    }

    /// The properties that a `$connect` handler has declared so far.
    pub(crate) fn registration(&self) -> MutexGuard<'_, Registration> {
        lock(&self.0.registration)
    }

    /// Remembers that the event made its user present in a room.
    pub(crate) fn join(&self, user: String, room: &str) {
        let mut joins = lock(&self.0.joins);
        let rooms = Vec::new();
        let joins = joins.get_or_insert(Joins { user, rooms });
        joins.rooms.push(room.to_owned());
    }

    /// Takes the rooms in which the event made its user present.
    pub(crate) fn take_joins(&self) -> Option<Joins> {
        lock(&self.0.joins).take()
    }

    /// Runs background work, such as the removal of connections that are gone.
    pub(crate) async fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Some(tasks) = &self.0.background else {
            return work.await;
        };
        let mut tasks = lock(tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(trace::carried(work));
    }

    /// Waits for the background work, for at most `patience`. Unfinished work continues when Lambda wakes the
    /// process for its next event.
    pub(crate) async fn settle(&self, patience: Duration) {
        let Some(tasks) = &self.0.background else {
            return;
        };
        let mut tasks = std::mem::take(&mut *lock(tasks));
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

impl Registration {
    /// Takes the record to store.
    pub(crate) fn take_record(
        &mut self,
        id: ConnectionId,
        at: Timestamp,
        api: String,
        now: Timestamp,
    ) -> Record {
        let mut record = Record::new(id, at, api, now);
        record.user = self.user.take();
        record.rooms.extend(self.rooms.drain(..));
        record.session = self.session.take();
        record
    }
}

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effects").finish_non_exhaustive()
    }
}
