//! Connections that a process need not post to any more.

use crate::sync::lock;
use crate::{ConnectionId, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// The number of connections that are remembered. About 100 bytes each.
const MOST: usize = 10_000;

/// How long after a connection has ended another process may still be removing it from its rooms.
const REMOVAL: Duration = Duration::from_secs(60);

/// The connections that have ended, as far as a process knows: by their `$disconnect`, or by a 410 that was
/// confirmed. Posting to them, or confirming again that they are gone, costs requests for nothing. The
/// oldest are forgotten first. Ids are never used again.
#[derive(Debug, Default)]
pub(crate) struct GoneMemory(Mutex<Ended>);

#[derive(Debug, Default)]
struct Ended {
    since: HashMap<ConnectionId, Timestamp>,
    oldest: VecDeque<ConnectionId>,
}

/// What is remembered of a connection that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remembered {
    /// It is being removed.
    Ended,
    /// It should have been removed by now.
    Stale,
}

impl GoneMemory {
    /// Remembers that a connection has ended.
    pub(crate) fn remember(&self, id: &ConnectionId, now: Timestamp) {
        let mut ended = self.lock();
        if ended.since.insert(id.clone(), now).is_some() {
            return;
        }
        ended.oldest.push_back(id.clone());
        if ended.oldest.len() > MOST
            && let Some(oldest) = ended.oldest.pop_front()
        {
            ended.since.remove(&oldest);
        }
    }

    /// What is remembered of a connection, if it has ended.
    pub(super) fn find(&self, id: &ConnectionId, now: Timestamp) -> Option<Remembered> {
        let since = *self.lock().since.get(id)?;
        Some(match now - since < REMOVAL {
            true => Remembered::Ended,
            false => Remembered::Stale,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Ended> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_memory_is_bounded() {
        let (memory, now) = (GoneMemory::default(), Timestamp::from_secs(1_767_607_440));
        for number in 0..MOST + 2 {
            memory.remember(&number.to_string().into(), now);
            memory.remember(&number.to_string().into(), now);
        }
        assert_eq!(memory.find(&"1".into(), now), None);
        assert_eq!(memory.find(&"2".into(), now), Some(Remembered::Ended));
        assert_eq!(memory.lock().since.len(), MOST);
        assert_eq!(memory.lock().oldest.len(), MOST);
        let later = now + REMOVAL;
        assert_eq!(memory.find(&"2".into(), later), Some(Remembered::Stale));
    }
}
