//! What one connection may do, one thing after another.

use super::history;
use lambda_ws::Timestamp;
use lambda_ws::store::{Record, Scope};
use std::collections::BTreeSet;
use std::time::Duration;

/// The interval in which a mark is replaced at most once.
pub(crate) const INTERVAL: Duration = Duration::from_secs(300);

/// What is known of a connection, as far as it is the same for every store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Known {
    pub(crate) at: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) user: Option<String>,
    pub(crate) rooms: BTreeSet<String>,
    pub(crate) session: Option<String>,
    pub(crate) seen: Option<Timestamp>,
    pub(crate) gone: bool,
}

impl From<&Record> for Known {
    fn from(record: &Record) -> Self {
        Self {
            at: record.at,
            expires: record.expires,
            user: record.user.clone(),
            rooms: record.rooms.clone(),
            session: record.session.clone(),
            seen: record.seen,
            gone: record.gone,
        }
    }
}

impl Known {
    /// Whether readers of `scope` find the connection.
    pub(crate) fn is_in(&self, scope: &Scope, now: Timestamp) -> bool {
        let is_in = match scope {
            Scope::Everyone => true,
            Scope::Room(room) => self.rooms.contains(room),
            Scope::User(user) => self.user.as_ref() == Some(user),
        };
        is_in && !self.gone && self.expires > now
    }
}

/// Something that is asked about a connection, or done to it.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Register(Known),
    Remove(Timestamp),
    MarkGone(Timestamp),
    Join(Timestamp, String),
    Leave(Timestamp, String),
    /// Into a room, out of the rooms that were read.
    Enter(Timestamp, BTreeSet<String>, String),
    /// From the session that was read to another; no two calls save the same one.
    Save(Timestamp, Option<String>, String),
    /// The time when its client was seen.
    MarkSeen(Timestamp, Timestamp),
    Read(Timestamp),
    /// Whether the connection is found by those who read a group.
    Find(Scope, Timestamp),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    NotConnected,
    Conflict,
    Removed(Option<Known>),
    Marked(bool),
    Read(Option<Known>),
    Found(bool),
    /// The task ended half-way, or the store did not answer: it may be done or not.
    Unknown,
}

impl history::Action for Action {
    type State = Option<Known>;
    type Outcome = Outcome;

    const UNKNOWN: Outcome = Outcome::Unknown;

    fn apply(&self, connection: &mut Option<Known>) -> Outcome {
        apply(connection, self)
    }

    fn is_refusal(outcome: &Outcome) -> bool {
        matches!(
            outcome,
            Outcome::NotConnected
                | Outcome::Conflict
                | Outcome::Removed(None)
                | Outcome::Marked(false)
        )
    }

    fn is_own_work(&self, connection: &Option<Known>) -> bool {
        connection.as_ref().is_some_and(|known| match self {
            Action::MarkGone(at) => known.at == *at && known.gone,
            Action::Save(at, _, session) => {
                known.at == *at && known.session.as_ref() == Some(session)
            }
            // DynamoDB recognizes a transaction by its token.
            Action::Join(..) | Action::Leave(..) | Action::Enter(..) => true,
            _ => false,
        })
    }

    fn may_repeat(&self) -> bool {
        false
    }
}

fn apply(connection: &mut Option<Known>, action: &Action) -> Outcome {
    let live = |connection: &Option<Known>, at: &Timestamp| {
        connection
            .as_ref()
            .is_some_and(|known| known.at == *at && !known.gone)
    };
    match action {
        Action::Register(known) => {
            *connection = Some(known.clone());
            Outcome::Done
        }
        Action::Remove(at) => Outcome::Removed(connection.take_if(|known| known.at == *at)),
        Action::Read(now) => Outcome::Read(connection.clone().filter(|known| known.expires > *now)),
        Action::Find(scope, now) => Outcome::Found(
            connection
                .as_ref()
                .is_some_and(|known| known.is_in(scope, *now)),
        ),
        Action::MarkGone(at) if !live(connection, at) => Outcome::Marked(false),
        Action::Leave(at, _) if !live(connection, at) => Outcome::Done,
        Action::Join(at, _)
        | Action::Enter(at, ..)
        | Action::Save(at, ..)
        | Action::MarkSeen(at, _)
            if !live(connection, at) =>
        {
            Outcome::NotConnected
        }
        _ => {
            let known = connection.as_mut().expect("it lives");
            match action {
                Action::MarkGone(_) => {
                    known.gone = true;
                    return Outcome::Marked(true);
                }
                Action::Join(_, room) => drop(known.rooms.insert(room.clone())),
                Action::Leave(_, room) => drop(known.rooms.remove(room)),
                Action::Enter(_, rooms, _) if known.rooms != *rooms => return Outcome::Conflict,
                Action::Enter(_, _, room) => known.rooms = BTreeSet::from([room.clone()]),
                Action::Save(_, before, _) if known.session != *before => return Outcome::Conflict,
                Action::Save(_, _, session) => known.session = Some(session.clone()),
                Action::MarkSeen(_, now) => {
                    if known.seen.is_none_or(|seen| seen + INTERVAL <= *now) {
                        known.seen = Some(*now);
                    }
                }
                _ => unreachable!("all others are above"),
            }
            Outcome::Done
        }
    }
}
