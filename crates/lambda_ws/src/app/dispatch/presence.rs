//! The `joined` and `left` handlers of rooms.

use super::Dispatcher;
use crate::app::backend::EventScope;
use crate::app::failure::Failure;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::effects::Joins;
use crate::error::{BoxError, Error};
use crate::event::{EventData, Joined, Left};
use crate::presence::{ChangeKind, PendingChange, PresenceChange, Shard, Users};
use crate::sender::Sender;
use crate::store::{Record, StoreError, value_expiry};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
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
    pub(super) async fn make_present(&self, record: &Record) -> Option<Joins> {
        let user = record.user.as_ref()?;
        if record.rooms.is_empty() || !self.backend.presences().is_enabled() {
            return None;
        }
        let touch = |room: String| async move {
            match self.backend.ledger().touch(&room, user).await {
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
            let users = vec![user.clone()];
            let presence = PresenceChange { room, users };
            let (context, sender) = (context.clone(), sender.clone());
            self.call_hook(ChangeKind::Joined, presence, context, sender)
                .await;
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
            self.call_hook_later(ChangeKind::Left, presence, departure, scope)
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
        let calls = rooms.into_iter().flat_map(|(room, (users, last))| {
            chunks(room, users).map(move |presence| (presence, last.clone()))
        });
        let calls = calls.map(|(presence, last)| async move {
            self.call_hook_later(ChangeKind::Joined, presence, &last, scope)
                .await;
        });
        run_all(calls).await;
    }

    /// Runs a hook in its own scope. `change` belongs to one of the users.
    async fn call_hook_later(
        &self,
        kind: ChangeKind,
        presence: PresenceChange,
        change: &PendingChange,
        scope: &EventScope,
    ) {
        let api = change.api.as_deref();
        let Some(sender) = self.backend.sender_at(api, scope, None) else {
            error!(
                room = presence.room,
                "the API of a connection is unknown: the `joined` and `left` handlers are not called"
            );
            return;
        };
        let route = match kind {
            ChangeKind::Joined => "$joined",
            ChangeKind::Left => "$left",
        };
        let (id, now) = (change.id.clone(), self.backend.clock().now());
        let context = Context::known(id, change.at, api, route, now);
        self.call_hook(kind, presence, context, sender).await;
    }

    /// Calls the `joined` or `left` handler. The event beside it may belong to another client, so a panic must not
    /// reach it.
    async fn call_hook(
        &self,
        kind: ChangeKind,
        presence: PresenceChange,
        context: Context,
        sender: Sender,
    ) {
        let (room, users) = (&presence.room, presence.users.len());
        let (span, data) = match kind {
            ChangeKind::Joined => {
                let span = error_span!("joined", route = "$joined", room, users);
                (span, EventData::Joined(Joined { presence }))
            }
            ChangeKind::Left => {
                let span = error_span!("left", route = "$left", room, users);
                (span, EventData::Left(Left { presence }))
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
