//! What is tried: concurrent tasks of several processes, as data that shrinks.

use crate::store::course::Fault;
use crate::store::schedule::{Fate, fate_of};
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;

/// How many processes there are, each with a cache and a clock of its own, and how many readers.
pub(crate) const PROCESSES: usize = 3;
pub(crate) const READERS: usize = 3;

/// For how many seconds messages are stored.
const STORED: u64 = 25 * 60 * 60;

#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    /// By how many seconds the clock of each process is ahead.
    pub(crate) ahead: Vec<i8>,
    pub(crate) tasks: Vec<Task>,
}

/// One thing after another, in one process.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) process: usize,
    pub(crate) steps: Vec<Step>,
    pub(crate) fate: Fate,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Before it begins.
    pub(crate) pause: Duration,
    pub(crate) deed: Deed,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    Append,
    /// A reader reads what follows its position.
    Read(usize),
    /// The time to live removes some of the expired items.
    Sweep(u8),
}

pub(crate) fn schedules(faults: bool) -> impl Strategy<Value = Schedule> {
    let ahead = vec(-30..=30_i8, PROCESSES);
    (ahead, vec(task(faults), 1..7)).prop_map(|(ahead, tasks)| Schedule { ahead, tasks })
}

fn task(faults: bool) -> impl Strategy<Value = Task> {
    (0..PROCESSES, vec(step(), 1..8), fate(faults)).prop_map(|(process, steps, fate)| Task {
        process,
        steps,
        fate,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let pause = prop_oneof![
        6 => (0..20_u64).prop_map(Duration::from_millis),
        1 => (0..STORED).prop_map(Duration::from_secs),
        1 => (0..600_u64).prop_map(Duration::from_secs),
        // Around the time at which an entry is not continued any more, and at which it expires.
        2 => (STORED - 1300..STORED - 1100).prop_map(Duration::from_secs),
        2 => (STORED - 120..STORED + 120).prop_map(Duration::from_secs),
    ];
    let deed = prop_oneof![
        4 => Just(Deed::Append),
        3 => (0..READERS).prop_map(Deed::Read),
        1 => any::<u8>().prop_map(Deed::Sweep),
    ];
    (pause, deed).prop_map(|(pause, deed)| Step { pause, deed })
}

fn fate(faults: bool) -> impl Strategy<Value = Fate> {
    fate_of(fault(faults), faults, 10, 16)
}

fn fault(faults: bool) -> BoxedStrategy<Fault> {
    if !faults {
        return Just(Fault::None).boxed();
    }
    prop_oneof![
        12 => Just(Fault::None),
        1 => Just(Fault::Throttled),
        1 => Just(Fault::InTheWay),
        1 => Just(Fault::NotSent),
        2 => Just(Fault::AnswerLost),
        // An append that takes longer ends its epoch.
        2 => (1..9_u8).prop_map(Fault::Late),
    ]
    .boxed()
}
