//! The rooms that have a history.

use super::Recent;
use crate::store::History;
use crate::sync::lock;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// For how long a large room is remembered at least, and how many rooms are.
const LARGE: (Duration, usize) = (Duration::from_secs(600), 5_000);

/// The names of rooms: one name, or all names that begin with a prefix, written `chat/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoomPattern(String);

impl RoomPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// It is empty, or contains a `*` before its end.
    pub(crate) fn read(pattern: &str) -> Result<Self, String> {
        match pattern.find('*') {
            Some(at) if at + 1 < pattern.len() => Err(format!(
                "`{pattern}` is not a valid pattern of rooms: expected a name, or a prefix with one `*` at its end"
            )),
            _ if pattern.is_empty() => Err(
                "an empty pattern of rooms is not valid: expected a name, a prefix such as `chat/*`, or `*`".to_owned(),
            ),
            _ => Ok(Self(pattern.to_owned())),
        }
    }

    pub(crate) fn matches(&self, room: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => room.starts_with(prefix),
            None => self.0 == room,
        }
    }
}

impl fmt::Display for RoomPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The histories by pattern. The first pattern that matches a room counts.
#[derive(Debug, Clone)]
pub(crate) struct Histories {
    by_pattern: Vec<(RoomPattern, History)>,
    /// The rooms with more members than an early read is for. Clones share them.
    large: Arc<Mutex<Recent<String, ()>>>,
}

impl Default for Histories {
    fn default() -> Self {
        let (life, most) = LARGE;
        Self {
            by_pattern: Vec::new(),
            large: Arc::new(Mutex::new(Recent::new(life, most))),
        }
    }
}

impl Histories {
    pub(crate) fn add(&mut self, pattern: RoomPattern, history: History) {
        self.by_pattern.push((pattern, history));
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.by_pattern.extend(other.by_pattern);
    }

    /// The history of a room, if it has one.
    pub(crate) fn of(&self, room: &str) -> Option<&History> {
        let mut histories = self.by_pattern.iter();
        let found = histories.find(|(pattern, _)| pattern.matches(room));
        found.map(|(_, history)| history)
    }

    /// Whether this process knows the room as large.
    pub(super) fn is_large(&self, room: &String, now: Instant) -> bool {
        lock(&self.large).get(room, now).is_some()
    }

    pub(super) fn add_large(&self, room: String, now: Instant) {
        lock(&self.large).insert(room, (), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_first_pattern_that_matches_counts() {
        let mut histories = Histories::default();
        for (n, pattern) in ["chat/tea", "chat/*", "lobby"].into_iter().enumerate() {
            let history = History::new(n + 1, Duration::from_secs(1));
            histories.add(RoomPattern::read(pattern).unwrap(), history);
        }
        let of = |room| histories.of(room).map(History::messages);
        assert_eq!(of("chat/tea"), Some(1));
        assert_eq!(of("chat/teas"), Some(2));
        assert_eq!(of("chat/"), Some(2));
        assert_eq!(of("lobby"), Some(3));
        assert_eq!((of("chat"), of("lobby/2")), (None, None));
        assert!(RoomPattern::read("*").unwrap().matches("anything"));
        for bad in ["", "*a", "a*b", "**"] {
            assert!(RoomPattern::read(bad).is_err(), "{bad}");
        }
    }
}
