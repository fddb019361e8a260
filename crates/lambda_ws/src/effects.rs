//! The effects of an event.

use crate::payload::Payload;
use crate::store::Record;
use crate::sync::{detach, lock};
use crate::trace;
use crate::{ConnectionId, Timestamp};
use serde_json::value::RawValue;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::task::JoinSet;

/// The effects of an event that are completed after its handler. Clones share them.
#[derive(Clone)]
pub(crate) struct Effects(Arc<Inner>);

struct Inner {
    registration: Mutex<Registration>,
    joins: Mutex<Option<Joins>>,
    /// Work that runs beside the event. `None` outside of events, where it is awaited at once.
    background: Option<Mutex<JoinSet<()>>>,
}

/// The properties of a connection that are stored once its handshake is accepted.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    pub(crate) user: Option<OpeningUser>,
    pub(crate) rooms: Vec<String>,
    pub(crate) session: Option<String>,
    pub(crate) announcements: Vec<(String, Payload)>,
}

/// The user of a new connection. The data is beside the name, so that events without a user do not pay for it.
#[derive(Debug, Default)]
pub(crate) struct OpeningUser {
    /// The name, or an empty string if only the data is set.
    pub(crate) name: String,
    /// The data of the user in the rooms.
    pub(crate) data: Option<Box<RawValue>>,
}

#[derive(Debug)]
pub(crate) struct Joins {
    pub(crate) user: String,
    pub(crate) rooms: Vec<String>,
}

impl Effects {
    /// Creates the effects of an event, which calls [`Effects::settle`] at its end, because Lambda then freezes the
    /// process.
    pub(crate) fn spawned() -> Self {
        Self::new(Some(Mutex::default()))
    }

    /// Creates effects outside of events: background work is awaited at once.
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

    pub(crate) fn registration(&self) -> MutexGuard<'_, Registration> {
        lock(&self.0.registration)
    }

    pub(crate) fn join(&self, user: String, room: &str) {
        let mut joins = lock(&self.0.joins);
        let rooms = Vec::new();
        let joins = joins.get_or_insert(Joins { user, rooms });
        joins.rooms.push(room.to_owned());
    }

    pub(crate) fn take_joins(&self) -> Option<Joins> {
        lock(&self.0.joins).take()
    }

    /// Runs background work, such as the removal of gone connections.
    pub(crate) async fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Some(tasks) = &self.0.background else {
            return work.await;
        };
        let mut tasks = lock(tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(trace::carried(work));
    }

    /// Returns whether these are the effects of an event. The process then continues after it.
    pub(crate) fn is_of_event(&self) -> bool {
        self.0.background.is_some()
    }

    /// Runs work that the event does not wait for. If Lambda freezes the process, it continues with the next event.
    pub(crate) fn outlive(&self, work: impl Future<Output = ()> + Send + 'static) {
        detach(trace::carried(work));
    }

    /// Waits at most `patience` for the background work. Unfinished work continues when Lambda unfreezes the process
    /// for its next event.
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
            tracing::debug!(tasks = tasks.len(), "clean-up continues after the event");
            tasks.detach_all();
        }
    }
}

impl Registration {
    /// Returns the user's name, if the handler has set it.
    pub(crate) fn user_name(&self) -> Option<String> {
        let name = self.user.as_ref().map(|user| user.name.clone());
        name.filter(|name| !name.is_empty())
    }

    /// Returns the record of the connection, and the data of its user.
    pub(crate) fn take_record(
        &mut self,
        id: ConnectionId,
        at: Timestamp,
        api: String,
        now: Timestamp,
    ) -> (Record, Option<Box<RawValue>>) {
        let mut record = Record::new(id, at, api, now);
        let OpeningUser { name, data } = self.user.take().unwrap_or_default();
        record.user = Some(name).filter(|name| !name.is_empty());
        record.rooms.extend(self.rooms.drain(..));
        record.session = self.session.take();
        (record, data)
    }
}

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effects").finish_non_exhaustive()
    }
}
