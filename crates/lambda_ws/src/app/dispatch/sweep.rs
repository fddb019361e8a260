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
            return self.announce(pending, None, scope).await.map(drop);
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
        self.announce(pending, None, scope).await.map(drop)
    }

    /// Announces the changes of a shard when they are due. Runs in a task.
    pub(super) async fn sweep(
        &self,
        (id, hop): (String, u32),
        sweep: Sweep,
        scope: &EventScope,
    ) -> Result<(), BoxError> {
        let pending = self.pending(sweep.shard);
        let mut due = sweep.due;
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
            let Some(next) = self.announce(pending, until, scope).await? else {
                return Ok(());
            };
            if pending.request(next).await?.is_some() {
                return Ok(());
            }
            let is_late =
                time_left(scope).is_some_and(|left| next - self.backend.clock().now() > left);
            if is_late
                && self
                    .queue_next(&id, hop, Sweep { due: next, ..sweep }, scope)
                    .await
            {
                return Ok(());
            }
            due = next;
        }
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

    /// Announces the changes of a shard that are due by `until`, or all, and returns when the next are due.
    async fn announce(
        &self,
        pending: PendingShard<'_>,
        until: Option<Timestamp>,
        scope: &EventScope,
    ) -> Result<Option<Timestamp>, BoxError> {
        // Withdrawn before the changes are read: a later change then requests another sweep.
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
                ChangeKind::Left => self.announce_departures(changes, scope).await?,
                ChangeKind::Joined => self.announce_arrivals(changes, scope).await,
            }
            // Discarded last: if this process ends early, another process announces the changes again.
            pending.discard(&keys).await?;
            match more {
                Some(more) => after = Some(more),
                None => return Ok(next),
            }
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
