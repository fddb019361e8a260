//! A bounded memory of recent events.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;
use tokio::time::Instant;

/// Values by key. A value stays for at least `life` after its last insertion, and at most twice as long. If more than
/// `most` values are inserted in that time, the oldest are removed first.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    life: Duration,
    most: usize,
    began: Instant,
    current: HashMap<K, V>,
    previous: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Copy> Recent<K, V> {
    pub(crate) fn new(life: Duration, most: usize) -> Self {
        Self {
            life,
            most,
            began: Instant::now(),
            current: HashMap::new(),
            previous: HashMap::new(),
        }
    }

    pub(crate) fn get(&mut self, key: &K, now: Instant) -> Option<V> {
        if self.is_empty() {
            return None;
        }
        self.rotate(now);
        let found = self.current.get(key).or_else(|| self.previous.get(key));
        found.copied()
    }

    pub(crate) fn insert(&mut self, key: K, value: V, now: Instant) {
        self.rotate(now);
        if self.current.len() >= self.most && !self.current.contains_key(&key) {
            self.previous = std::mem::take(&mut self.current);
            self.began = now;
        }
        self.previous.remove(&key);
        self.current.insert(key, value);
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.current.remove(key);
        self.previous.remove(key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.current.is_empty() && self.previous.is_empty()
    }

    fn rotate(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.began);
        if age < self.life {
            return;
        }
        self.previous = std::mem::take(&mut self.current);
        if age >= self.life * 2 {
            self.previous.clear();
        }
        self.began = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(60);

    #[test]
    fn a_value_stays_for_its_life_and_at_most_twice_as_long() {
        let mut recent = Recent::new(LIFE, 10);
        let now = recent.began;
        recent.insert(1, 'a', now);
        assert_eq!(recent.get(&1, now + LIFE), Some('a'));
        recent.insert(2, 'b', now + LIFE);
        assert_eq!(recent.get(&2, now + LIFE * 2), Some('b'));
        assert_eq!(recent.get(&1, now + LIFE * 2), None);
        assert_eq!(recent.get(&2, now + LIFE * 9), None);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_values_go_first() {
        let mut recent = Recent::new(LIFE, 10);
        let now = recent.began;
        (0..1000).for_each(|key| recent.insert(key, (), now));
        let kept = (0..1000).filter(|key| recent.get(key, now).is_some());
        let kept: Vec<_> = kept.collect();
        assert!((10..=20).contains(&kept.len()), "{kept:?}");
        assert_eq!(kept.last(), Some(&999));
    }

    #[test]
    fn a_removed_value_is_forgotten() {
        let mut recent = Recent::new(LIFE, 10);
        let now = recent.began;
        recent.insert(1, 'a', now);
        recent.insert(1, 'b', now + LIFE);
        assert_eq!(recent.get(&1, now + LIFE), Some('b'));
        recent.remove(&1);
        assert_eq!(recent.get(&1, now + LIFE), None);
    }
}
