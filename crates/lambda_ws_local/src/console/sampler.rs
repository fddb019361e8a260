//! Selects the invocations that a page shows, if there are too many.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// The maximum number of invocations per second that are all shown.
const SHOWN: u32 = 150;

/// The maximum number of shown invocations per read of a page.
const AT_ONCE: u32 = 40;

/// The maximum number of remembered invocations that are not shown.
const REMEMBERED: usize = 20_000;

/// Selects complete invocations.
pub(super) struct Sampler {
    /// One of this many invocations is shown.
    of: u32,
    number: u32,
    at_once: u32,
    /// The number of invocations since the last change of the rate.
    seen: u32,
    skipped: HashSet<Arc<str>>,
    order: VecDeque<Arc<str>>,
}

impl Sampler {
    pub(super) fn new() -> Sampler {
        Sampler {
            of: 1,
            number: 0,
            at_once: 0,
            seen: 0,
            skipped: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    /// Returns the rate: one of this many invocations is shown.
    pub(super) fn of(&self) -> u32 {
        self.of
    }

    /// Starts a new read of a page.
    pub(super) fn tick(&mut self) {
        self.at_once = 0;
    }

    pub(super) fn second(&mut self) {
        self.of = self.seen.div_ceil(SHOWN).max(1);
        self.seen = 0;
    }

    /// Decides whether a new invocation with these ids is shown.
    pub(super) fn begins(&mut self, ids: &[&Arc<str>]) -> bool {
        self.seen += 1;
        self.number = self.number.wrapping_add(1);
        if self.number.is_multiple_of(self.of) && self.at_once < AT_ONCE {
            self.at_once += 1;
            return true;
        }
        for id in ids {
            self.skipped.insert(Arc::clone(id));
            self.order.push_back(Arc::clone(id));
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.skipped.remove(&oldest);
            }
        }
        false
    }

    /// Whether entries of this invocation are shown.
    pub(super) fn shows(&self, id: &str) -> bool {
        !self.skipped.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sampler: &mut Sampler, names: std::ops::Range<u32>) -> usize {
        let mut shown = 0;
        for name in names {
            if name % 10 == 0 {
                sampler.tick();
            }
            let id: Arc<str> = name.to_string().into();
            let begins = sampler.begins(&[&id]);
            assert_eq!(begins, sampler.shows(&id));
            shown += usize::from(begins);
        }
        shown
    }

    #[test]
    fn a_few_are_all_shown_and_of_many_a_part() {
        let mut sampler = Sampler::new();
        assert_eq!(shown(&mut sampler, 0..100), 100);
        sampler.second();
        assert_eq!(shown(&mut sampler, 1000..4000), 3000);
        sampler.second();
        assert_eq!(sampler.of(), 20);
        assert_eq!(shown(&mut sampler, 10_000..13_000), 150);
        sampler.second();
        sampler.second();
        assert_eq!(sampler.of(), 1, "after a quiet second");
    }

    #[test]
    fn a_burst_is_cut_before_the_rate_is_known() {
        let mut sampler = Sampler::new();
        let ids: Vec<Arc<str>> = (0..500).map(|n| n.to_string().into()).collect();
        let begun = ids.iter().filter(|id| sampler.begins(&[id])).count();
        assert_eq!(begun, AT_ONCE as usize);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut sampler = Sampler::new();
        sampler.seen = 10 * SHOWN;
        sampler.second();
        shown(&mut sampler, 0..50_000);
        assert!(sampler.skipped.len() <= REMEMBERED);
    }
}
