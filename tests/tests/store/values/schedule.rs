//! What is tried: rounds of concurrent tasks, as data that shrinks.

use crate::store::schedule::{Fate, fate};
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;

/// How many keys there are.
pub(crate) const KEYS: usize = 2;

/// After this, what expires is over.
pub(crate) const TTL: Duration = Duration::from_secs(60);

/// Tasks that run at the same time; when all have ended, it is quiet.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) tasks: Vec<Task>,
    /// Whether all that expires is over after the round.
    pub(crate) late: bool,
    /// Which expired items the time to live removes.
    pub(crate) swept: u8,
}

/// One thing after another.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) steps: Vec<Step>,
    pub(crate) fate: Fate,
}

/// Something that a task does.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Milliseconds before it begins.
    pub(crate) pause: u8,
    pub(crate) key: usize,
    pub(crate) deed: Deed,
    /// Whether what it writes expires.
    pub(crate) expires: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    Read,
    Keys,
    Write,
    /// If nothing is there.
    Insert,
    /// In place of what is read first.
    Replace,
    Delete,
    Take,
}

pub(crate) fn rounds(faults: bool) -> impl Strategy<Value = Vec<Round>> {
    vec(round(faults), 1..5)
}

fn round(faults: bool) -> impl Strategy<Value = Round> {
    let late = prop::bool::weighted(0.3);
    (vec(task(faults), 0..4), late, any::<u8>()).prop_map(|(tasks, late, swept)| Round {
        tasks,
        late,
        swept,
    })
}

fn task(faults: bool) -> impl Strategy<Value = Task> {
    (vec(step(), 1..4), fate(faults)).prop_map(|(steps, fate)| Task { steps, fate })
}

fn step() -> impl Strategy<Value = Step> {
    // Mostly the first, so that tasks meet.
    let key = prop_oneof![2 => Just(0), 1 => 1..KEYS];
    (0..20_u8, key, deed(), any::<bool>()).prop_map(|(pause, key, deed, expires)| Step {
        pause,
        key,
        deed,
        expires,
    })
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        1 => Just(Deed::Read),
        1 => Just(Deed::Keys),
        2 => Just(Deed::Write),
        2 => Just(Deed::Insert),
        4 => Just(Deed::Replace),
        1 => Just(Deed::Delete),
        1 => Just(Deed::Take),
    ]
}
