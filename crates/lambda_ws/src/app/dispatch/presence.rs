//! The `joined`, `left` and `changed` handlers of rooms.

use super::Dispatcher;
use crate::app::backend::EventScope;
use crate::app::failure::Failure;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::effects::Joins;
use crate::error::{BoxError, Error};
use crate::event::{Changed, EventData, Joined, Left};
use crate::presence::{
    Announcement, ChangeKind, DATA_WINDOW, KeepsData, PendingChange, PendingShard, PresenceChange,
    Shard, Users,
};
use crate::sender::Sender;
use crate::store::{Record, StoreError, value_expiry};
use crate::{ConnectionId, Timestamp};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tracing::{Instrument, debug, error, error_span, warn};

/// The maximum number of concurrent hooks, and of concurrent reads or writes of rooms.
const AT_ONCE: usize = 8;

/// How long joins of a room are collected after an announced join.
const JOIN_WINDOW: Duration = Duration::from_secs(1);

/// The maximum total length of the names in one call of a hook, in bytes.
const NAMES: usize = 16 * 1024;

impl Dispatcher {
    /// Makes the user of a new connection present. Returns the rooms in which the user was absent before.
    pub(super) async fn make_present(
        &self,
        record: &Record,
        data: Option<&RawValue>,
    ) -> Option<Joins> {
        let keeps = data.and_then(|data| Some((self.keeps_data()?, data)));
        let user = record.user.as_ref()?;
        if record.rooms.is_empty() || !self.backend.presences().is_enabled() {
            return None;
        }
        let touch = |room: String| async move {
            let touched = match keeps {
                Some((keeps, data)) => self.arrive(keeps, record, &room, user, data).await,
                None => self.backend.ledger().touch(&room, user).await,
            };
            match touched {
                Ok(is_news) => is_news.then_some(room),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    error!(room, error, "the presence of a user could not be stored");
                    None
                }
            }
        };
        let touched = run_all(record.rooms.iter().cloned().map(touch)).await;
        let rooms: Vec<_> = touched.into_iter().flatten().collect();
        let user = user.clone();
        (!rooms.is_empty()).then_some(Joins { user, rooms })
    }

    /// Returns what keeps data of users, for a connection with data.
    fn keeps_data(&self) -> Option<&'static dyn KeepsData> {
        let keeps = self.backend.presences().data();
        if keeps.is_none() {
            let error = &StoreError::NoPresenceData as &dyn std::error::Error;
            error!(error, "the data of a user is ignored");
        }
        keeps
    }

    /// Makes the user of a new connection present with data.
    async fn arrive(
        &self,
        keeps: &'static dyn KeepsData,
        record: &Record,
        room: &str,
        user: &str,
        data: &RawValue,
    ) -> Result<bool, StoreError> {
        let (api, room, user) = (Some(record.api.clone()), room.to_owned(), user.to_owned());
        let change = PendingChange::of_data(api, room, user, record.at);
        let (presences, ledger) = (self.backend.presences(), self.backend.ledger());
        keeps.arrive(presences, ledger, change, data).await
    }

    /// Announces a user's joins, at once or in a batch.
    pub(super) async fn announce_joins(
        &self,
        Joins { user, rooms }: Joins,
        context: &Context,
        sender: &Sender,
    ) {
        let hooks = self.backend.presences().hooks();
        if hooks.is_none_or(|hooks| !hooks.announces_joins) {
            return;
        }
        let user = &user;
        let joins = rooms.into_iter().map(|room| async move {
            if self.backend.batches_joins && !self.takes_turn(&room).await {
                let change = PendingChange {
                    id: context.connection_id().clone(),
                    at: context.connected_at(),
                    api: sender.api(),
                    user: user.clone(),
                    rooms: vec![room.clone()],
                };
                let shard = Shard::of(ChangeKind::Joined, &room);
                let due = self.backend.clock().now() + JOIN_WINDOW;
                match self.pending(shard).add(due, &[change]).await {
                    Ok(()) => return self.backend.presences().added(shard, due),
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        warn!(
                            room,
                            error, "a join could not be batched; it is announced at once"
                        );
                    }
                }
            }
            let users = BTreeSet::from([user.clone()]);
            for announcement in self.announcements(room, users).await {
                let (context, sender) = (context.clone(), sender.clone());
                self.call_hook(ChangeKind::Joined, announcement, context, sender)
                    .await;
            }
        });
        run_all(joins).await;
    }

    /// Returns whether an event may announce a join to a room at once. One event per second may.
    async fn takes_turn(&self, room: &str) -> bool {
        let now = self.backend.clock().now();
        let (namespace, expires) = (format!("now:{room}"), value_expiry(now, JOIN_WINDOW));
        let inserted =
            self.backend
                .store
                .insert_value(&namespace, "joined", "true", Some(expires), now);
        // A throttled table means that many users arrive.
        inserted.await.unwrap_or(false)
    }

    /// Stores confirmed departures of users and calls the `left` handler with them.
    pub(super) async fn announce_departures(
        &self,
        departures: Vec<PendingChange>,
        scope: &EventScope,
    ) -> Result<(), StoreError> {
        if departures.is_empty() {
            return Ok(());
        }
        let mut users = Users::new();
        for departure in &departures {
            let rooms = users.entry(departure.user.clone()).or_default();
            rooms.extend(departure.rooms.iter().cloned());
        }
        debug!(users = users.len(), "checking users for departures");
        let mut left = BTreeMap::new();
        let stored = self.backend.ledger().leave(users, &mut left).await;
        let calls = left.iter().flat_map(|(room, users)| {
            let of_room = |change: &&PendingChange| {
                change.rooms.contains(room) && users.contains_key(&change.user)
            };
            let departure = departures.iter().rfind(of_room);
            let departure = departure.expect("rooms and users come from the departures");
            let users = users.keys().cloned().collect();
            chunks(room.clone(), users).map(move |presence| (presence, departure))
        });
        let calls = calls.map(|(presence, departure)| {
            let announcement = (presence, Vec::new());
            self.call_hook_later(ChangeKind::Left, announcement, departure, scope)
        });
        run_all(calls).await;
        self.backend.ledger().forget(left).await;
        stored
    }

    /// Calls the `joined` handler with users.
    pub(super) async fn announce_arrivals(&self, arrivals: Vec<PendingChange>, scope: &EventScope) {
        let mut rooms: BTreeMap<String, (BTreeSet<String>, PendingChange)> = BTreeMap::new();
        for arrival in arrivals {
            for room in &arrival.rooms {
                let (users, last) = rooms
                    .entry(room.clone())
                    .or_insert_with(|| (BTreeSet::new(), arrival.clone()));
                users.insert(arrival.user.clone());
                *last = arrival.clone();
            }
        }
        let mut calls = Vec::new();
        for (room, (users, last)) in rooms {
            let announcements = self.announcements(room, users).await.into_iter();
            calls.extend(announcements.map(|announcement| (announcement, last.clone())));
        }
        let calls = calls.into_iter().map(|(announcement, last)| async move {
            self.call_hook_later(ChangeKind::Joined, announcement, &last, scope)
                .await;
        });
        run_all(calls).await;
    }

    /// Returns the calls of the `joined` handler for users, with their data if the router keeps it.
    async fn announcements(&self, room: String, users: BTreeSet<String>) -> Vec<Announcement> {
        match self.backend.presences().data() {
            Some(keeps) => keeps.joins(self.backend.ledger(), room, users).await,
            None => chunks(room, users)
                .map(|presence| (presence, Vec::new()))
                .collect(),
        }
    }

    /// Calls the `changed` handler with the pending changes of a shard. Returns the time of the next call, if there
    /// are too many for now.
    pub(super) async fn announce_data(
        &self,
        keeps: &'static dyn KeepsData,
        pending: PendingShard<'_>,
        scope: &EventScope,
    ) -> Result<Option<Timestamp>, StoreError> {
        let due = keeps.due(pending).await?;
        let calls = due.calls.iter().map(|(announcement, last)| {
            self.call_hook_later(ChangeKind::Changed, announcement.clone(), last, scope)
        });
        run_all(calls).await;
        // Discarded last: if this process ends early, another process announces the data again.
        pending.discard(&due.keys).await?;
        let next = pending.clock.now() + DATA_WINDOW;
        Ok(due.has_more.then_some(next))
    }

    /// Runs a hook in its own scope. `change` belongs to one of the users.
    async fn call_hook_later(
        &self,
        kind: ChangeKind,
        announcement: Announcement,
        change: &PendingChange,
        scope: &EventScope,
    ) {
        let api = change.api.as_deref();
        let Some(sender) = self.backend.sender_at(api, scope, None) else {
            error!(
                room = announcement.0.room,
                "the API of a connection is unknown: the `joined`, `left` and `changed` handlers are not called"
            );
            return;
        };
        let (route, id) = match kind {
            ChangeKind::Joined => ("$joined", change.id.clone()),
            ChangeKind::Left => ("$left", change.id.clone()),
            ChangeKind::Changed => ("$changed", ConnectionId::from("")),
        };
        let now = self.backend.clock().now();
        let context = Context::known(id, change.at, api, route, now);
        self.call_hook(kind, announcement, context, sender).await;
    }

    /// Calls the `joined`, `left` or `changed` handler. The event beside it may belong to another client, so a panic must
    /// not reach it.
    async fn call_hook(
        &self,
        kind: ChangeKind,
        (presence, values): Announcement,
        context: Context,
        sender: Sender,
    ) {
        let (room, users) = (&presence.room, presence.users.len());
        let (span, data) = match kind {
            ChangeKind::Joined => {
                let span = error_span!("joined", route = "$joined", room, users);
                (span, EventData::Joined(Joined { presence, values }))
            }
            ChangeKind::Left => {
                let span = error_span!("left", route = "$left", room, users);
                (span, EventData::Left(Left { presence }))
            }
            ChangeKind::Changed => {
                let span = error_span!("changed", route = "$changed", room, users);
                (span, EventData::Changed(Changed { presence, values }))
            }
        };
        let handled = self.handle(context, data, sender, RecordCache::default());
        let handled = AssertUnwindSafe(handled).catch_unwind().map(|handled| {
            if let Err(panic) = handled {
                error!(error = ?Error::from(BoxError::from(Failure::panic(&*panic))), "the handler failed");
            }
        });
        handled.instrument(span).await;
    }
}

/// Runs futures concurrently and returns their outputs in order of completion.
async fn run_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let futures: Vec<_> = futures.into_iter().collect();
    let futures = stream::iter(futures).buffer_unordered(AT_ONCE);
    futures.collect().await
}

/// Splits the users of a room into the parts for calls of a hook.
fn chunks(room: String, users: BTreeSet<String>) -> impl Iterator<Item = PresenceChange> {
    let mut users = users.into_iter().peekable();
    std::iter::from_fn(move || {
        let (mut size, mut chunk) = (0, Vec::new());
        while let Some(user) = users.next_if(|user| chunk.is_empty() || size + user.len() <= NAMES)
        {
            size += user.len();
            chunk.push(user);
        }
        let room = room.clone();
        (!chunk.is_empty()).then_some(PresenceChange { room, users: chunk })
    })
}
