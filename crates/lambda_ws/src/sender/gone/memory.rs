//! The connections that a process knows to have ended.

use super::super::recent::Recent;
use crate::sync::lock;
use crate::{ConnectionId, Timestamp};
use lambda_ws_protocol::limits::CONNECTION_DURATION;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// The number of connections that are remembered at least. About 100 bytes each.
const MOST: usize = 10_000;

/// How long after a connection has ended another process may still be removing it from its rooms.
const REMOVAL: Duration = Duration::from_secs(60);

/// The connections that have ended, as far as a process knows: by their `$disconnect`, or by a 410 that was
/// confirmed. Posting to them, or confirming again that they are gone, costs requests for nothing. Ids are never
/// used again.
#[derive(Debug)]
pub(crate) struct GoneMemory(Mutex<Recent<ConnectionId, Timestamp>>);

/// What a process knows of a connection that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sender) enum KnownGone {
    /// It ended a moment ago, and is being removed.
    BeingRemoved,
    /// It should have been removed by now.
    Stale,
}

impl GoneMemory {
    /// Remembers that a connection has ended.
    pub(crate) fn remember(&self, id: &ConnectionId, now: Timestamp) {
        let mut ended = lock(&self.0);
        ended.insert(id.clone(), now, Instant::now());
    }

    /// What is known of a connection, if it has ended.
    pub(in crate::sender) fn find(
        &self,
        id: &ConnectionId,
        now: impl FnOnce() -> Timestamp,
    ) -> Option<KnownGone> {
        let mut ended = lock(&self.0);
        // Most processes know of none: a broadcast then reads no clock for each recipient.
        if ended.is_empty() {
            return None;
        }
        let since = ended.get(id, Instant::now())?;
        Some(match now() - since < REMOVAL {
            true => KnownGone::BeingRemoved,
            false => KnownGone::Stale,
        })
    }
}

impl Default for GoneMemory {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(CONNECTION_DURATION, MOST)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_memory_is_bounded() {
        let (memory, now) = (GoneMemory::default(), Timestamp::from_secs(1_767_607_440));
        for number in 0..MOST * 2 + 1 {
            memory.remember(&number.to_string().into(), now);
            memory.remember(&number.to_string().into(), now);
        }
        let find = |number: usize, now| memory.find(&number.to_string().into(), || now);
        assert_eq!(find(MOST - 1, now), None);
        assert_eq!(find(MOST, now), Some(KnownGone::BeingRemoved));
        assert_eq!(find(MOST * 2, now), Some(KnownGone::BeingRemoved));
        assert_eq!(find(MOST, now + REMOVAL), Some(KnownGone::Stale));
    }
}
