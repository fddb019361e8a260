//! The presence state of a process.

use super::{
    ChangeKind, DATA_WINDOW, KeepsData, PendingChange, PendingShard, PresenceLedger, Shard,
};
use crate::Timestamp;
use crate::sync::lock;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tracing::warn;

/// How early a requested sweep may read, because the clocks of two processes may differ.
const SKEW: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Hooks {
    pub(crate) grace: Duration,
    pub(crate) announces_joins: bool,
    /// Set if the router keeps data of users.
    pub(crate) data: Option<&'static dyn KeepsData>,
}

#[derive(Debug, Default)]
pub(crate) struct PresenceState {
    hooks: Option<Hooks>,
    changes: Mutex<Changes>,
    has_warned: AtomicBool,
}

#[derive(Debug, Default)]
struct Changes {
    /// Departures that are not stored yet. Some are found after the end of an event.
    departures: Vec<PendingChange>,
    /// Shards with new changes, and the time when the first of them is due.
    added: BTreeMap<Shard, Timestamp>,
    /// The times of the next sweeps that this process knows.
    sweeps: BTreeMap<Shard, Timestamp>,
}

impl PresenceState {
    pub(crate) fn new(hooks: Option<Hooks>) -> Self {
        Self {
            hooks,
            ..Self::default()
        }
    }

    pub(crate) fn hooks(&self) -> Option<Hooks> {
        self.hooks
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.hooks.is_some()
    }

    /// Returns what keeps the data of users, if the router has a `changed` handler.
    pub(crate) fn data(&self) -> Option<&'static dyn KeepsData> {
        self.hooks?.data
    }

    /// Stores departures for a sweep after the grace period, before the connections are removed. Without a grace
    /// period or tasks they stay in memory until the end of the event.
    pub(crate) async fn depart(
        &self,
        ledger: PresenceLedger<'_>,
        has_tasks: bool,
        departures: &[PendingChange],
    ) {
        let Some(Hooks { grace, .. }) = self.hooks else {
            return;
        };
        if !has_tasks || grace.is_zero() {
            return self.remember(departures);
        }
        let PresenceLedger { store, clock } = ledger;
        let due = clock.now() + grace;
        let mut shards: BTreeMap<Shard, Vec<PendingChange>> = BTreeMap::new();
        for departure in departures {
            let room = departure.rooms.first().map_or("", String::as_str);
            let shard = Shard::of(ChangeKind::Left, room);
            shards.entry(shard).or_default().push(departure.clone());
        }
        for (shard, departures) in shards {
            let pending = PendingShard {
                store,
                clock,
                shard,
            };
            match pending.add(due, &departures).await {
                Ok(()) => self.added(shard, due),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    warn!(
                        error,
                        "departures could not be stored; they are announced with this event"
                    );
                    self.remember(&departures);
                }
            }
        }
    }

    fn remember(&self, departures: &[PendingChange]) {
        self.changes().departures.extend_from_slice(departures);
    }

    pub(crate) fn added(&self, shard: Shard, due: Timestamp) {
        let mut changes = self.changes();
        let first = changes.added.entry(shard).or_insert(due);
        *first = due.min(*first);
    }

    pub(crate) fn has_changes(&self) -> bool {
        let changes = self.changes();
        !changes.departures.is_empty() || !changes.added.is_empty()
    }

    /// Takes the departures that are not stored.
    pub(crate) fn departures(&self) -> Vec<PendingChange> {
        std::mem::take(&mut self.changes().departures)
    }

    /// Takes the shards that need a sweep request at `now`: those with a new change that no known sweep will read.
    pub(crate) fn unswept(&self, now: Timestamp) -> BTreeMap<Shard, Timestamp> {
        let mut changes = self.changes();
        let mut added = std::mem::take(&mut changes.added);
        added.retain(|shard, _| {
            changes
                .sweeps
                .get(shard)
                .is_none_or(|due| now + SKEW >= *due)
        });
        added
    }

    pub(crate) fn sweeps(&self, shard: Shard, mut due: Timestamp) {
        if shard.kind == ChangeKind::Changed {
            // The sweep of data also reads changes that are not due, and it waits for this time.
            due = due + DATA_WINDOW;
        }
        self.changes().sweeps.insert(shard, due);
    }

    pub(crate) fn swept(&self, shard: Shard) {
        self.changes().sweeps.remove(&shard);
    }

    pub(crate) fn is_first(&self) -> bool {
        !self.has_warned.swap(true, Ordering::Relaxed)
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        lock(&self.changes)
    }
}
