//! What is tried: rounds of concurrent tasks, as data that shrinks.

use super::course::{Fault, Turn};
use lambda_ws::store::Record;
use lambda_ws::{ConnectionId, Timestamp};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

/// How many connection ids there are, and how many rooms.
pub(crate) const CONNECTIONS: usize = 3;
pub(crate) const ROOMS: usize = 3;

pub(crate) const USER: &str = "ann";

pub(crate) fn id(connection: usize) -> ConnectionId {
    format!("c{connection}").into()
}

pub(crate) fn room(room: usize) -> String {
    format!("r{room}")
}

/// Tasks that run at the same time; when all have ended, it is quiet.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    /// Connections that open; each id at most once.
    pub(crate) opened: Vec<Opened>,
    pub(crate) tasks: Vec<Task>,
    /// Whether all that is there expires after the round.
    pub(crate) late: bool,
    /// Which expired items the time to live removes.
    pub(crate) swept: u8,
}

/// A connection that opens.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) connection: usize,
    /// A bit for each room.
    pub(crate) rooms: u8,
    pub(crate) user: bool,
    pub(crate) fate: Fate,
}

impl Opened {
    pub(crate) fn record(&self, at: Timestamp, now: Timestamp) -> Record {
        let mut record = Record::new(id(self.connection), at, "api/test", now);
        record.user = self.user.then(|| USER.to_owned());
        let rooms = (0..ROOMS).filter(|n| self.rooms >> n & 1 == 1);
        record.rooms = rooms.map(room).collect();
        record
    }
}

/// One thing after another.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) steps: Vec<Step>,
    pub(crate) fate: Fate,
}

/// What happens to a task's requests.
#[derive(Debug, Clone)]
pub(crate) struct Fate {
    pub(crate) turns: Vec<Turn>,
    /// After which request the task ends half-way.
    pub(crate) crash: Option<u8>,
}

/// Something that a task does.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Milliseconds before it begins.
    pub(crate) pause: u8,
    pub(crate) connection: usize,
    /// Whether it is about the connection that had the id before.
    pub(crate) former: bool,
    pub(crate) deed: Deed,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    Read,
    ReadAll,
    Page(usize),
    Everyone,
    Join(usize),
    Leave(usize),
    /// Moves to a room, as often as others get in the way.
    Enter(usize),
    Save,
    /// Marks it as seen so many minutes after the time of the round.
    MarkSeen(u8),
    MarkGone,
    Remove,
    /// Takes it out of a room if it has no record.
    Forget(usize),
}

pub(crate) fn rounds(faults: bool) -> impl Strategy<Value = Vec<Round>> {
    vec(round(faults), 1..5)
}

fn round(faults: bool) -> impl Strategy<Value = Round> {
    let tasks = vec(task(faults), 0..4);
    let late = prop::bool::weighted(0.15);
    (vec(opened(faults), 0..3), tasks, late, any::<u8>()).prop_map(
        |(mut opened, tasks, late, swept)| {
            let mut seen = [false; CONNECTIONS];
            opened.retain(|opened| !std::mem::replace(&mut seen[opened.connection], true));
            Round {
                opened,
                tasks,
                late,
                swept,
            }
        },
    )
}

/// One of the ids; mostly the first, so that tasks meet.
fn connection() -> impl Strategy<Value = usize> {
    prop_oneof![2 => Just(0), 1 => 1..CONNECTIONS]
}

fn opened(faults: bool) -> impl Strategy<Value = Opened> {
    let rooms = 0..1_u8 << ROOMS;
    (connection(), rooms, any::<bool>(), fate(faults)).prop_map(
        |(connection, rooms, user, fate)| Opened {
            connection,
            rooms,
            user,
            fate,
        },
    )
}

fn task(faults: bool) -> impl Strategy<Value = Task> {
    (vec(step(), 1..4), fate(faults)).prop_map(|(steps, fate)| Task { steps, fate })
}

fn step() -> impl Strategy<Value = Step> {
    let former = prop::bool::weighted(0.25);
    (0..20_u8, connection(), former, deed()).prop_map(|(pause, connection, former, deed)| Step {
        pause,
        connection,
        former,
        deed,
    })
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        1 => Just(Deed::Read),
        1 => Just(Deed::ReadAll),
        1 => (0..ROOMS).prop_map(Deed::Page),
        1 => Just(Deed::Everyone),
        4 => (0..ROOMS).prop_map(Deed::Join),
        3 => (0..ROOMS).prop_map(Deed::Leave),
        4 => (0..ROOMS).prop_map(Deed::Enter),
        3 => Just(Deed::Save),
        3 => (0..12_u8).prop_map(Deed::MarkSeen),
        2 => Just(Deed::MarkGone),
        3 => Just(Deed::Remove),
        1 => (0..ROOMS).prop_map(Deed::Forget),
    ]
}

pub(crate) fn fate(faults: bool) -> impl Strategy<Value = Fate> {
    fate_of(fault(faults), faults, 8, 12)
}

/// Returns the fate of a call: fewer than `turns` turns with a fault each, and perhaps a crash before one of the first
/// `crashes` requests.
pub(crate) fn fate_of(
    fault: BoxedStrategy<Fault>,
    may_crash: bool,
    crashes: u8,
    turns: usize,
) -> impl Strategy<Value = Fate> {
    let crash = match may_crash {
        true => weighted(0.1, 1..crashes).boxed(),
        false => Just(None).boxed(),
    };
    let turn = (0..20_u8, fault, 0..20_u8);
    let turn = turn.prop_map(|(there, fault, back)| Turn { there, fault, back });
    (vec(turn, 0..turns), crash).prop_map(|(turns, crash)| Fate { turns, crash })
}

fn fault(faults: bool) -> BoxedStrategy<Fault> {
    if !faults {
        return Just(Fault::None).boxed();
    }
    prop_oneof![
        12 => Just(Fault::None),
        1 => Just(Fault::Throttled),
        2 => Just(Fault::InTheWay),
        1 => Just(Fault::NotSent),
        2 => Just(Fault::AnswerLost),
        2 => (1..4_u8).prop_map(Fault::Partly),
        1 => (0..3_u8).prop_map(Fault::Stale),
    ]
    .boxed()
}
