//! The ended connections that a process remembers.

use super::super::recent::Recent;
use crate::payload::Payload;
use crate::sync::lock;
use crate::{ConnectionId, Timestamp};
use lambda_ws_protocol::limits::CONNECTION_DURATION;
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// The minimum number of remembered connections, which take about 100 bytes each, and the maximum number of requests to
/// suspects.
const MOST: usize = 10_000;

/// How long another process may need to remove an ended connection from its rooms.
const REMOVAL: Duration = Duration::from_secs(60);

/// The connections that ended by `$disconnect` or by a confirmed 410. It saves posts to them and confirmations. Ids are
/// never reused.
#[derive(Debug)]
pub(crate) struct GoneMemory {
    ended: Mutex<Recent<ConnectionId, Timestamp>>,
    suspects: Mutex<Suspects>,
}

/// The connections that are being proven gone after their event.
#[derive(Debug, Default)]
struct Suspects {
    /// The messages that follow if the connection is alive, in their order. `None` closes it.
    requests: HashMap<ConnectionId, VecDeque<Option<Payload>>>,
    /// The number of all requests.
    count: usize,
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

    /// Adds the request that found a suspect, unless there are too many. Returns whether the connection was not a
    /// suspect before.
    pub(super) fn suspect(&self, id: &ConnectionId, message: Option<Payload>) -> bool {
        let mut suspects = lock(&self.suspects);
        if suspects.count >= MOST {
            return false;
        }
        suspects.count += 1;
        let is_new = !suspects.requests.contains_key(id);
        let requests = suspects.requests.entry(id.clone()).or_default();
        requests.push_back(message);
        is_new
    }

    /// Removes the next request to a suspect that is alive. After the last one, the connection is not a suspect.
    pub(super) fn next_request(&self, id: &ConnectionId) -> Option<Option<Payload>> {
        let mut suspects = lock(&self.suspects);
        let next = suspects.requests.get_mut(id)?.pop_front();
        match next {
            Some(_) => suspects.count -= 1,
            None => drop(suspects.requests.remove(id)),
        }
        next
    }

    /// Removes a suspect with its requests.
    pub(super) fn clear(&self, id: &ConnectionId) {
        let mut suspects = lock(&self.suspects);
        let removed = suspects.requests.remove(id);
        suspects.count -= removed.map_or(0, |requests| requests.len());
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

    #[test]
    fn the_requests_to_suspects_are_bounded_and_leave_no_trace() {
        let memory = GoneMemory::default();
        let (ann, bob) = ("ann".into(), "bob".into());
        assert!(memory.suspect(&ann, None));
        assert_eq!(memory.next_request(&ann), Some(None));
        assert!(!memory.suspect(&ann, None), "its request is running");
        assert!(memory.suspect(&bob, None));
        for _ in 0..MOST {
            assert!(!memory.suspect(&bob, None));
        }
        assert_eq!(lock(&memory.suspects).count, MOST);
        assert!(!memory.suspect(&"eve".into(), None), "there are too many");
        memory.clear(&bob);
        assert_eq!(memory.next_request(&ann), Some(None));
        assert_eq!(memory.next_request(&ann), None);
        let suspects = lock(&memory.suspects);
        assert_eq!((suspects.count, suspects.requests.len()), (0, 0));
    }
}
