//! Announces the pending joins and departures of shards.

use super::{Dispatcher, SETTLE};
use crate::app::backend::EventScope;
use crate::error::BoxError;
use crate::presence::{ChangeKind, Hooks, PendingShard, Shard};
use crate::random::new_id;
use crate::task::{MOST_HOPS, Sweep, Task, TaskKind};
use crate::{ConnectionId, Timestamp};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{error, warn};

/// The time that an invocation reserves for the work after a wait.
const MARGIN: Duration = Duration::from_secs(3);

/// How long the task waits after the first due change of a shard, to announce several together.
const SWEEP_WINDOW: Duration = Duration::from_millis(500);

/// How often a sweep renews its request, which expires after a minute.
const RENEWAL: Duration = Duration::from_secs(20);

/// The due changes of a shard that a sweep has announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    /// All of them, with the time when the next ones are due.
    All(Option<Timestamp>),
    /// As many as the time of the invocation allowed.
    Some,
}

impl Dispatcher {
    /// Announces the changes of an event through tasks, or at once without tasks.
    pub(super) async fn settle_presences(&self, scope: &EventScope) {
        let presences = self.backend.presences();
        // The announcement of a departure may remove other gone connections.
        for _ in 0..MOST_HOPS {
            let mut departures = presences.departures();
            let Some(Hooks { grace, .. }) = presences.hooks() else {
                return;
            };
            if grace > Duration::ZERO && !departures.is_empty() {
                let has_tasks = self.backend.has_tasks();
                presences
                    .depart(self.backend.ledger(), has_tasks, &departures)
                    .await;
                departures = presences.departures();
                if !departures.is_empty() && (has_tasks || presences.is_first()) {
                    warn!(
                        "departures are announced without a grace period, because the function cannot invoke itself; \
                         fix: allow the function to invoke itself"
                    );
                }
            }
            let unswept = presences.unswept(self.backend.clock().now());
            if departures.is_empty() && unswept.is_empty() {
                return;
            }
            let announced = self.announce_departures(departures, scope);
            if let Err(error) = announced.await {
                let error = &error as &dyn std::error::Error;
                error!(
                    error,
                    "departures could not be processed: their users stay present"
                );
            }
            for (shard, due) in unswept {
                if let Err(error) = self.request_sweep(shard, due, scope).await {
                    warn!(
                        error = &*error,
                        ?shard,
                        "a sweep could not be requested; the next change requests it"
                    );
                }
            }
            scope.effects.settle(SETTLE).await;
        }
    }

    /// Queues a task that announces the due changes of a shard, unless one is queued.
    async fn request_sweep(
        &self,
        shard: Shard,
        due: Timestamp,
        scope: &EventScope,
    ) -> Result<(), BoxError> {
        let pending = self.pending(shard);
        if let Some(requested) = pending.request(due).await? {
            self.backend.presences().sweeps(shard, requested);
            return Ok(());
        }
        let Some(tasks) = self.backend.tasks(scope) else {
            return self.sweep_now(pending, scope).await;
        };
        let task = Task::new(new_id(), 1, TaskKind::Sweep(Sweep { shard, due }));
        let Err(error) = task.queue(&*tasks).await else {
            self.backend.presences().sweeps(shard, due);
            return Ok(());
        };
        warn!(
            error = &*error,
            "the follow-up task could not be queued; joins and departures are announced at once"
        );
        // Other events may rely on this request too.
        self.sweep_now(pending, scope).await
    }

    /// Announces all changes of a shard in this event, which has requested the sweep.
    async fn sweep_now(
        &self,
        pending: PendingShard<'_>,
        scope: &EventScope,
    ) -> Result<(), BoxError> {
        for _ in 0..MOST_HOPS {
            let announced = self.announce(pending, None, scope).await?;
            if announced == Announced::Some {
                warn!(
                    shard = ?pending.shard,
                    "the time of the event is too short for all joins and departures; the next change announces the others"
                );
                return Ok(pending.withdraw_request().await?);
            }
            if self.end_sweep(pending).await?.is_none() {
                return Ok(());
            }
        }
        Ok(pending.withdraw_request().await?)
    }

    /// Announces the changes of a shard when they are due. Runs in a task.
    pub(super) async fn sweep(
        &self,
        (mut id, mut hop): (String, u32),
        sweep: Sweep,
        scope: &EventScope,
    ) -> Result<(), BoxError> {
        let pending = self.pending(sweep.shard);
        let mut due = sweep.due;
        if sweep.shard.kind == ChangeKind::Changed && self.backend.presences().data().is_none() {
            // The task of another version of the program. Its changes expire.
            return Ok(());
        }
        loop {
            let is_due = self.wait(due + SWEEP_WINDOW, scope).await;
            if !is_due
                && self
                    .queue_next(&id, hop, Sweep { due, ..sweep }, scope)
                    .await
            {
                return Ok(());
            }
            let until = is_due.then(|| pending.clock.now().max(due));
            let announced = self.announce(pending, until, scope).await?;
            // The sweep after a sweep is new work, and not a loop.
            (id, hop) = (new_id(), 0);
            let next = match announced {
                Announced::Some => Some(pending.clock.now()),
                Announced::All(Some(next)) => Some(next),
                Announced::All(None) => self.end_sweep(pending).await?,
            };
            let Some(next) = next else {
                return Ok(());
            };
            due = next;
            if announced != Announced::All(None) {
                pending.renew_request(due).await?;
            }
            let is_late = announced == Announced::Some
                || time_left(scope).is_some_and(|left| due - pending.clock.now() > left);
            if is_late
                && self
                    .queue_next(&id, hop, Sweep { due, ..sweep }, scope)
                    .await
            {
                return Ok(());
            }
        }
    }

    /// Withdraws the request of a sweep that has announced all due changes. Returns the time of the next sweep, if the
    /// caller must do it: for a change that is not due yet, or that was added since and found the request.
    async fn end_sweep(&self, pending: PendingShard<'_>) -> Result<Option<Timestamp>, BoxError> {
        pending.withdraw_request().await?;
        self.backend.presences().swept(pending.shard);
        let Some(next) = pending.next().await? else {
            return Ok(None);
        };
        let requested = pending.request(next).await?;
        Ok(requested.is_none().then_some(next))
    }

    /// Queues the task that continues a sweep. Whether there is one.
    async fn queue_next(&self, id: &str, hop: u32, sweep: Sweep, scope: &EventScope) -> bool {
        let Some(tasks) = self.backend.tasks(scope).filter(|_| hop < MOST_HOPS) else {
            return false;
        };
        let task = Task::new(format!("{id}+"), hop + 1, TaskKind::Sweep(sweep));
        let queued = task.queue(&*tasks).await;
        if let Err(error) = &queued {
            warn!(
                error = &**error,
                "the follow-up task could not be queued; the grace period is shortened"
            );
        }
        queued.is_ok()
    }

    /// Announces the changes of a shard that are due by `until`, or all, as long as there is time.
    ///
    /// The request for the sweep stays meanwhile. Otherwise the next change would start another sweep, which would
    /// announce the same changes beside this one.
    async fn announce(
        &self,
        pending: PendingShard<'_>,
        until: Option<Timestamp>,
        scope: &EventScope,
    ) -> Result<Announced, BoxError> {
        if pending.shard.kind == ChangeKind::Changed {
            // Also changes that are not due, so that the next call comes a second later.
            let next = match self.backend.presences().data() {
                Some(keeps) => Box::pin(self.announce_data(keeps, pending, scope)).await?,
                None => None,
            };
            return Ok(Announced::All(next));
        }
        let (mut next, mut after, mut renewed) = (None, None, Instant::now());
        loop {
            let began = Instant::now();
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
                // Discarded last: if this process ends early, another process announces the changes again, and the
                // versions of the presences tell which of them were announced.
                ChangeKind::Left => {
                    self.announce_departures(changes, scope).await?;
                    pending.discard(&keys).await?;
                }
                // Discarded first, because nothing else prevents a second announcement. New data is announced above.
                ChangeKind::Joined | ChangeKind::Changed => {
                    pending.discard(&keys).await?;
                    self.announce_arrivals(changes, scope).await;
                }
            }
            let Some(more) = more else {
                return Ok(Announced::All(next));
            };
            if time_left(scope).is_some_and(|left| left <= began.elapsed()) {
                return Ok(Announced::Some);
            }
            if renewed.elapsed() >= RENEWAL {
                pending.renew_request(pending.clock.now()).await?;
                renewed = Instant::now();
            }
            after = Some(more);
        }
    }

    /// Waits until a time or the deadline, and returns whether the time is reached.
    async fn wait(&self, until: Timestamp, scope: &EventScope) -> bool {
        let pause = until - self.backend.clock().now();
        let (pause, is_enough) = match time_left(scope) {
            Some(left) if left < pause => (left, false),
            _ => (pause, true),
        };
        let nobody = ConnectionId::from("");
        self.backend.clock().pause(pause, &nobody).await;
        is_enough
    }

    pub(super) fn pending(&self, shard: Shard) -> PendingShard<'_> {
        PendingShard {
            store: &*self.backend.store,
            clock: self.backend.clock(),
            shard,
        }
    }
}

fn time_left(scope: &EventScope) -> Option<Duration> {
    let left = scope.deadline?.saturating_duration_since(Instant::now());
    Some(left.saturating_sub(MARGIN.min(left / 2)))
}
