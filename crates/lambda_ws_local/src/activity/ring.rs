//! A ring of numbered entries.

use super::entry::Entry;
use std::collections::VecDeque;
use std::sync::Arc;

/// The maximum number of entries, and of bytes of their events and responses.
const ENTRIES: usize = 20_000;
const BYTES: usize = 16 * 1024 * 1024;

/// The last entries, numbered from 0. A new entry replaces the oldest.
#[derive(Default)]
pub(crate) struct Ring {
    entries: VecDeque<Arc<Entry>>,
    /// The number of the oldest entry.
    first: u64,
    bytes: usize,
    /// The current second, and the number of its entries.
    second: (u64, usize),
}

pub(crate) struct Read {
    pub(crate) entries: Vec<Arc<Entry>>,
    pub(crate) first: u64,
    /// How many entries were dropped before they were read.
    pub(crate) lost: u64,
}

impl Ring {
    /// Counts an entry. Returns whether fewer than `most` were pushed before in this second.
    pub(crate) fn is_calm(&mut self, second: u64, most: usize) -> bool {
        if self.second.0 != second {
            self.second = (second, 0);
        }
        self.second.1 += 1;
        self.second.1 <= most
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push_back(Arc::new(entry));
        while self.entries.len() > ENTRIES || (self.bytes > BYTES && self.entries.len() > 1) {
            if let Some(oldest) = self.entries.pop_front() {
                self.first += 1;
                self.bytes -= oldest.bytes();
            }
        }
    }

    pub(crate) fn read(&self, from: u64, limit: usize) -> Read {
        let first = from.max(self.first);
        let skipped = usize::try_from(first - self.first).unwrap_or(usize::MAX);
        let entries = self.entries.iter().skip(skipped).take(limit);
        Read {
            entries: entries.cloned().collect(),
            first,
            lost: first - from,
        }
    }

    pub(crate) fn last(&self, limit: usize) -> u64 {
        self.first + self.entries.len().saturating_sub(limit) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::EntryKind;
    use lambda_ws_protocol::Timestamp;

    fn entry(bytes: usize) -> Entry {
        Entry {
            at: Timestamp::from_millis(0),
            kind: EntryKind::Client(serde_json::Value::String("x".repeat(bytes))),
        }
    }

    #[test]
    fn who_reads_too_late_is_told_how_much_is_lost() {
        let mut ring = Ring::default();
        for _ in 0..ENTRIES + 5 {
            ring.push(entry(1));
        }
        let read = ring.read(2, 10);
        assert_eq!((read.first, read.lost, read.entries.len()), (5, 3, 10));
        let end = (ENTRIES + 5) as u64;
        let read = ring.read(end, 10);
        assert_eq!((read.first, read.lost, read.entries.len()), (end, 0, 0));
        assert_eq!(ring.last(100), end - 100);
    }

    #[test]
    fn large_entries_push_more_of_the_old_ones_out() {
        let mut ring = Ring::default();
        for _ in 0..100 {
            ring.push(entry(BYTES / 10));
        }
        assert!(ring.entries.len() <= 10, "{}", ring.entries.len());
        ring.push(entry(BYTES * 2));
        assert_eq!(ring.entries.len(), 1, "the last one is always there");
    }

    #[test]
    fn a_second_is_calm_until_it_has_seen_its_share() {
        let mut ring = Ring::default();
        let calm: Vec<_> = (0..4).map(|_| ring.is_calm(7, 3)).collect();
        assert_eq!(calm, [true, true, true, false]);
        assert!(ring.is_calm(8, 3));
    }
}
