//! Users who join and leave rooms.

use super::{Dispatcher, InvocationContext, SETTLE, event, log};
use crate::app::backend::Particulars;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::error::BoxError;
use crate::event::{EventData, Joined, Left};
use crate::id::new_id;
use crate::presence::PresenceChange;
use crate::presence::{ChangeKind, Hooks, PendingChange, PendingShard, Shard, Users};
use crate::sender::{Cleanup, Sender};
use crate::store::{Record, StoreError, value_expiry};
use crate::task::{MOST_HOPS, Sweep, Task};
use crate::{ConnectionId, Timestamp};
use futures_util::stream::{self, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{Instrument, debug, error, error_span, warn};

/// The number of hooks that run at once, and of rooms that are read or written.
const AT_ONCE: usize = 8;

/// How much of an invocation's time is kept for the work after a wait.
const MARGIN: Duration = Duration::from_secs(3);

/// How long after a user has joined a room the next ones are announced together.
const JOIN_WINDOW: Duration = Duration::from_secs(1);

/// How long after the first change of a shard is due the task announces it, with all that are due by then.
const SWEEP_WINDOW: Duration = Duration::from_millis(500);

/// The most bytes of names that one call of a hook has.
const NAMES: usize = 16 * 1024;

impl Dispatcher {
    /// Makes the user of a new connection present, and returns the rooms for which that is a change.
    pub(super) async fn arrivals(&self, record: &Record) -> Vec<String> {
        let Some(user) = record.user.as_ref().filter(|_| !record.rooms.is_empty()) else {
            return Vec::new();
        };
        if !self.backend.presences().are_kept() {
            return Vec::new();
        }
        let touch = |room: String| async move {
            match self.backend.kept().touch(&room, user).await {
                Ok(is_news) => is_news.then_some(room),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    error!(room, error, "a user who has joined is not present");
                    None
                }
            }
        };
        let touched = run_all(record.rooms.iter().cloned().map(touch)).await;
        touched.into_iter().flatten().collect()
    }

    /// Announces a user who has joined rooms, now or together with others.
    pub(super) async fn announce_joins(
        &self,
        (user, rooms): (String, Vec<String>),
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
                        warn!(room, error, "a join is announced alone");
                    }
                }
            }
            let users = vec![user.clone()];
            self.joined(PresenceChange { room, users }, context, sender)
                .await;
        });
        run_all(joins).await;
    }

    /// Whether an event may announce a join to a room at once: one event a second may.
    async fn takes_turn(&self, room: &str) -> bool {
        let now = self.backend.clock().now();
        let (namespace, expires) = (format!("now:{room}"), value_expiry(now, JOIN_WINDOW));
        let inserted =
            self.backend
                .store
                .insert_value(&namespace, "joined", "true", Some(expires), now);
        // A table that throttles does so because many arrive.
        inserted.await.unwrap_or(false)
    }

    async fn joined(&self, presence: PresenceChange, context: &Context, sender: &Sender) {
        let (room, users) = (&presence.room, presence.users.len());
        let span = error_span!("joined", route = "$joined", room, users);
        let data = EventData::Joined(Joined { presence });
        let event = event(
            context.clone(),
            data,
            sender.clone(),
            RecordCache::default(),
        );
        let response = self.respond_isolated(event);
        async { log(&response.await) }.instrument(span).await;
    }

    /// Has the changes of an event announced: by tasks, or at once where there are none.
    pub(super) async fn settle_presences(&self, occasion: InvocationContext<'_>) {
        let presences = self.backend.presences();
        // The announcement of a departure may find other connections gone.
        for _ in 0..MOST_HOPS {
            let mut departures = presences.departures();
            let Some(Hooks { grace, .. }) = presences.hooks() else {
                return;
            };
            if grace > Duration::ZERO && !departures.is_empty() {
                let has_tasks = self.backend.tasks().is_some();
                presences
                    .depart(self.backend.kept(), has_tasks, &departures)
                    .await;
                departures = presences.departures();
                if !departures.is_empty() && (has_tasks || presences.is_first()) {
                    warn!(
                        "no task can announce departures: users who leave a room have left at once, without a \
                         grace; fix: allow the function to invoke itself"
                    );
                }
            }
            let unswept = presences.unswept(self.backend.clock().now());
            if departures.is_empty() && unswept.is_empty() {
                return;
            }
            let cleanup = Cleanup::beside();
            let announced = self.announce_departures(departures, occasion, &cleanup);
            if let Err(error) = announced.await {
                let error = &error as &dyn std::error::Error;
                error!(error, "users who have left stay present");
            }
            for (shard, due) in unswept {
                if let Err(error) = self.request_sweep(shard, due, occasion, &cleanup).await {
                    warn!(
                        error = &*error,
                        ?shard,
                        "no sweep is requested: the next change requests it"
                    );
                }
            }
            cleanup.settle(SETTLE).await;
        }
    }

    /// Has a task announce the changes of a shard when they are due, unless one is requested already.
    async fn request_sweep(
        &self,
        shard: Shard,
        due: Timestamp,
        occasion: InvocationContext<'_>,
        cleanup: &Cleanup,
    ) -> Result<(), BoxError> {
        let pending = self.pending(shard);
        if let Some(requested) = pending.request(due).await? {
            self.backend.presences().sweeps(shard, requested);
            return Ok(());
        }
        let Some(tasks) = self.backend.tasks() else {
            return self
                .announce(pending, None, occasion, cleanup)
                .await
                .map(drop);
        };
        let task = Task::sweep(new_id(), 1, Sweep { shard, due });
        let Err(error) = tasks.queue(task.event()).await else {
            self.backend.presences().sweeps(shard, due);
            return Ok(());
        };
        warn!(
            error = &*error,
            "no task can be queued: joins and departures are announced at once"
        );
        // Other events too may have relied on this request.
        self.announce(pending, None, occasion, cleanup)
            .await
            .map(drop)
    }

    /// Announces the changes of a shard when they are due, as a task.
    pub(super) async fn sweep(
        &self,
        (id, hop): (String, u32),
        sweep: Sweep,
        occasion: InvocationContext<'_>,
        cleanup: &Cleanup,
    ) -> Result<(), BoxError> {
        let pending = self.pending(sweep.shard);
        let mut due = sweep.due;
        loop {
            let is_due = self.wait(due + SWEEP_WINDOW, occasion).await;
            if !is_due && self.queue_next(&id, hop, Sweep { due, ..sweep }).await {
                return Ok(());
            }
            let until = is_due.then(|| pending.clock.now().max(due));
            let Some(next) = self.announce(pending, until, occasion, cleanup).await? else {
                return Ok(());
            };
            if pending.request(next).await?.is_some() {
                return Ok(());
            }
            let is_late =
                time_left(occasion).is_some_and(|left| next - self.backend.clock().now() > left);
            if is_late
                && self
                    .queue_next(&id, hop, Sweep { due: next, ..sweep })
                    .await
            {
                return Ok(());
            }
            due = next;
        }
    }

    /// Queues the task that continues a sweep. Whether there is one.
    async fn queue_next(&self, id: &str, hop: u32, sweep: Sweep) -> bool {
        let Some(tasks) = self.backend.tasks().filter(|_| hop < MOST_HOPS) else {
            return false;
        };
        let task = Task::sweep(format!("{id}+"), hop + 1, sweep);
        let queued = tasks.queue(task.event()).await;
        if let Err(error) = &queued {
            warn!(
                error = &**error,
                "no task continues the wait: the grace is cut short"
            );
        }
        queued.is_ok()
    }

    /// Announces the changes of a shard that are due `until` then, or all, and returns when the next are due.
    async fn announce(
        &self,
        pending: PendingShard<'_>,
        until: Option<Timestamp>,
        occasion: InvocationContext<'_>,
        cleanup: &Cleanup,
    ) -> Result<Option<Timestamp>, BoxError> {
        // Before the changes are read: a change that is added later requests another sweep.
        pending.withdraw_request().await?;
        self.backend.presences().swept(pending.shard);
        let (mut next, mut after) = (None, None);
        loop {
            let (batches, more) = pending.batches(after.as_deref()).await?;
            let (mut keys, mut changes) = (Vec::new(), Vec::new());
            for (key, batch) in batches {
                if until.is_some_and(|until| batch.due > until) {
                    next = Some(next.map_or(batch.due, |next: Timestamp| next.min(batch.due)));
                    continue;
                }
                keys.push(key);
                changes.extend(batch.changes);
            }
            match pending.shard.kind {
                ChangeKind::Left => self.announce_departures(changes, occasion, cleanup).await?,
                ChangeKind::Joined => self.announce_arrivals(changes, occasion, cleanup).await,
            }
            // Not earlier: if this process ends, another one finds them.
            pending.discard(&keys).await?;
            match more {
                Some(more) => after = Some(more),
                None => return Ok(next),
            }
        }
    }

    /// Waits, as long as there is time. Whether it was long enough.
    async fn wait(&self, until: Timestamp, occasion: InvocationContext<'_>) -> bool {
        let pause = until - self.backend.clock().now();
        let (pause, is_enough) = match time_left(occasion) {
            Some(left) if left < pause => (left, false),
            _ => (pause, true),
        };
        let nobody = ConnectionId::from("");
        self.backend.clock().pause(pause, &nobody).await;
        is_enough
    }

    /// Stores that users have left rooms, if they have, and calls the handler with those who did.
    async fn announce_departures(
        &self,
        departures: Vec<PendingChange>,
        occasion: InvocationContext<'_>,
        cleanup: &Cleanup,
    ) -> Result<(), StoreError> {
        if departures.is_empty() {
            return Ok(());
        }
        let mut users = Users::new();
        for departure in &departures {
            let rooms = users.entry(departure.user.clone()).or_default();
            rooms.extend(departure.rooms.iter().cloned());
        }
        debug!(users = users.len(), "users may have left");
        let mut left = BTreeMap::new();
        let stored = self.backend.kept().leave(users, &mut left).await;
        let calls = left.iter().flat_map(|(room, users)| {
            let of_room = |change: &&PendingChange| {
                change.rooms.contains(room) && users.contains_key(&change.user)
            };
            let departure = departures.iter().rfind(of_room);
            let departure = departure.expect("the rooms and users are theirs");
            let users = users.keys().cloned().collect();
            chunks(room.clone(), users).map(move |presence| (presence, departure))
        });
        let calls = calls.map(|(presence, departure)| {
            self.call_hook(ChangeKind::Left, presence, departure, occasion, cleanup)
        });
        run_all(calls).await;
        self.backend.kept().forget(left).await;
        stored
    }

    /// Calls the handler with users who have joined rooms.
    async fn announce_arrivals(
        &self,
        arrivals: Vec<PendingChange>,
        occasion: InvocationContext<'_>,
        cleanup: &Cleanup,
    ) {
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
            self.call_hook(ChangeKind::Joined, presence, &last, occasion, cleanup)
                .await;
        });
        run_all(calls).await;
    }

    /// Calls a hook outside of the event that brought it about. `change` is that of one of the users.
    async fn call_hook(
        &self,
        kind: ChangeKind,
        presence: PresenceChange,
        change: &PendingChange,
        occasion: InvocationContext<'_>,
        cleanup: &Cleanup,
    ) {
        let particulars = Particulars {
            deadline: occasion.deadline,
            ..Particulars::default()
        };
        let sender = self
            .backend
            .sender_at(change.api.as_deref(), cleanup.clone(), particulars);
        let Some(sender) = sender else {
            error!(
                room = presence.room,
                "the API of a connection is unknown: no hook announces that users joined or left"
            );
            return;
        };
        match kind {
            ChangeKind::Joined => {
                let context = self.context_of(change, "$joined");
                self.joined(presence, &context, &sender).await;
            }
            ChangeKind::Left => {
                let (room, users) = (&presence.room, presence.users.len());
                let span = error_span!("left", route = "$left", room, users);
                let context = self.context_of(change, "$left");
                let data = EventData::Left(Left { presence });
                let event = event(context, data, sender, RecordCache::default());
                let response = self.respond_isolated(event);
                async { log(&response.await) }.instrument(span).await;
            }
        }
    }

    fn context_of(&self, change: &PendingChange, route_key: &str) -> Context {
        let (id, at) = (change.id.clone(), change.at);
        let now = self.backend.clock().now();
        Context::known(id, at, change.api.as_deref(), route_key, now)
    }

    fn pending(&self, shard: Shard) -> PendingShard<'_> {
        PendingShard {
            store: &*self.backend.store,
            clock: self.backend.clock(),
            shard,
        }
    }
}

/// Runs futures, several at once, and returns their outputs in the order in which they end.
async fn run_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let futures: Vec<_> = futures.into_iter().collect();
    let futures = stream::iter(futures).buffer_unordered(AT_ONCE);
    futures.collect().await
}

/// The users of a room, as many in each part as one call of a hook has.
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

/// How long an invocation may wait.
fn time_left(occasion: InvocationContext<'_>) -> Option<Duration> {
    let left = occasion.deadline?.saturating_duration_since(Instant::now());
    Some(left.saturating_sub(MARGIN.min(left / 2)))
}
