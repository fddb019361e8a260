//! The ended connections that a process remembers.

use super::super::recent::Recent;
use crate::sync::lock;
use crate::{ConnectionId, Timestamp};
use lambda_ws_protocol::limits::CONNECTION_DURATION;
use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// The minimum number of remembered connections, and the maximum number of suspects. Each takes about 100 bytes.
const MOST: usize = 10_000;

/// How long another process may need to remove an ended connection from its rooms.
const REMOVAL: Duration = Duration::from_secs(60);

/// The connections that ended by `$disconnect` or by a confirmed 410. It saves posts to them and confirmations. Ids are
/// never reused.
#[derive(Debug)]
pub(crate) struct GoneMemory {
    ended: Mutex<Recent<ConnectionId, Timestamp>>,
    /// The connections that are being proven gone after their event.
    suspects: Mutex<HashSet<ConnectionId>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sender) enum KnownGone {
    /// It ended recently and is being removed.
    BeingRemoved,
    /// It should already be removed.
    Stale,
}

impl GoneMemory {
    pub(crate) fn remember(&self, id: &ConnectionId, now: Timestamp) {
        let mut ended = lock(&self.ended);
        ended.insert(id.clone(), now, Instant::now());
    }

    pub(in crate::sender) fn find(
        &self,
        id: &ConnectionId,
        now: impl FnOnce() -> Timestamp,
    ) -> Option<KnownGone> {
        let mut ended = lock(&self.ended);
        // Most processes remember none. A broadcast then does not read the clock for each recipient.
        if ended.is_empty() {
            return None;
        }
        let since = ended.get(id, Instant::now())?;
        Some(match now() - since < REMOVAL {
            true => KnownGone::BeingRemoved,
            false => KnownGone::Stale,
        })
    }

    /// Adds a suspect. Returns `false` if it is one already, or if there are too many.
    pub(super) fn suspect(&self, id: &ConnectionId) -> bool {
        let mut suspects = lock(&self.suspects);
        suspects.len() < MOST && suspects.insert(id.clone())
    }

    pub(super) fn clear(&self, id: &ConnectionId) {
        lock(&self.suspects).remove(id);
    }
}

impl Default for GoneMemory {
    fn default() -> Self {
        Self {
            ended: Mutex::new(Recent::new(CONNECTION_DURATION, MOST)),
            suspects: Mutex::default(),
        }
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
