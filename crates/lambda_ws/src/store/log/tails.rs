//! The ends of logs, as far as this process knows them.

use super::Tail;
use crate::sync::lock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// How many rooms are remembered at least, if so many are in use. At most twice as many are.
const ROOMS: usize = 5_000;

/// The end of one log. A call that appends holds the lock, so that the calls of one process do not conflict.
pub(super) type KnownTail = Arc<tokio::sync::Mutex<Known>>;

/// What this process knows about the end of one log.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) tail: Option<Tail>,
    /// Whether another process has appended since the last append of this one. Then the end is read before it is used: a
    /// read costs less than a write that is rejected.
    pub(super) is_shared: bool,
}

/// The ends of logs, as far as this process knows them. Others may have appended since.
#[derive(Debug, Default)]
pub(in crate::store) struct Tails(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    current: HashMap<String, KnownTail>,
    previous: HashMap<String, KnownTail>,
}

impl Tails {
    /// The end of the log of a room.
    pub(super) fn of(&self, room: &str) -> KnownTail {
        let generations = &mut *lock(&self.0);
        if let Some(tail) = generations.current.get(room) {
            return tail.clone();
        }
        let tail = generations.previous.remove(room).unwrap_or_default();
        if generations.current.len() >= ROOMS {
            generations.previous = std::mem::take(&mut generations.current);
        }
        generations.current.insert(room.to_owned(), tail.clone());
        tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_rooms_are_forgotten() {
        let tails = Tails::default();
        let first = tails.of("first");
        for n in 0..10 * ROOMS {
            tails.of(&n.to_string());
            assert!(Arc::ptr_eq(&first, &tails.of("first")), "it is in use");
        }
        let Generations { current, previous } = &*lock(&tails.0);
        assert!(current.len() + previous.len() <= 2 * ROOMS);
    }
}
