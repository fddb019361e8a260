//! The logs of rooms: their messages, numbered without holes.
//!
//! [`LogTable`] lists what a database does for a log. [`append`](append::append) and [`since`](since::since) are the two
//! operations of [`Store`](super::Store), for any such database.
//!
//! # Epochs
//!
//! A database deletes expired entries late and in any order. So a number may be given again, or a hole may be invisible,
//! once entries have expired. These rules exclude both:
//!
//! 1. No entry expires before an earlier one of its epoch ([`Tail::follow`]). So while an entry has not expired, no later
//!    entry of its epoch has been deleted.
//! 2. A process continues an epoch only after an entry that has [`CONTINUED`] before its expiry. Otherwise it begins the
//!    next epoch. That is one transaction: it replaces the epoch of the head, writes number 0 of the next epoch, and writes
//!    an end mark at the number after the last one, if nothing is there. So an epoch has one successor, and an epoch that
//!    is continued does not end.
//! 3. An append that is complete [`COMPLETE`] before the expiry of the entry before has not used a number again, by rule 1.
//!    It was not late for its epoch either: the end mark would have its number. So such an append is accepted.
//! 4. An append that takes longer, because the process was frozen, ends the epoch and is repeated in the next one. That is
//!    a gap for the members.
//! 5. A position is valid if its entry is present and has not expired, with [`READ`] for the clocks. Then all later
//!    entries of the epoch are present, by rule 1. An epoch that has ended is a gap.
//!
//! The clocks of processes and of the database may differ from the real time by up to 30 s.

mod append;
mod since;
mod tails;

pub(super) use append::append;
pub(super) use since::since;
pub(super) use tails::Tails;

use super::StoreError;
use crate::Timestamp;
use lambda_ws_protocol::Position;
use lambda_ws_protocol::table_layout::MAX_SEQ;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// How long before its expiry an entry is not continued any more.
const CONTINUED: Duration = Duration::from_secs(20 * 60);

/// How long before the expiry of the entry before an append has to be complete.
const COMPLETE: Duration = Duration::from_secs(10 * 60);

/// How long before its expiry a position is not valid any more.
const READ: Duration = Duration::from_secs(60);

/// The least time for which positions are valid: a room that is quiet for so long keeps its epoch.
const LEAST_VALID: Duration = Duration::from_secs(24 * 60 * 60);

/// How much longer messages are stored: more than [`CONTINUED`].
const SPARE: Duration = Duration::from_secs(60 * 60);

/// The most messages of a reading.
pub(crate) const MESSAGES: usize = 300;

/// The most bytes of data of a reading with more than one message.
pub(crate) const BYTES: usize = 100 * 1024;

/// The history of a room: which of its messages can be read again.
///
/// A message is served while it is one of the last `messages` ones and not older than `age`. It is stored for an hour
/// longer, and for 25 hours at least, so that a quiet room keeps its positions for a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    messages: usize,
    age: Duration,
}

impl History {
    /// The last `messages` messages, for as long as they are not older than `age`.
    ///
    /// # Panics
    ///
    /// If one of them is zero, or `age` is longer than a year.
    #[track_caller]
    pub const fn new(messages: usize, age: Duration) -> Self {
        assert!(
            messages > 0,
            "a history of 0 messages is not valid: expected at least 1"
        );
        assert!(
            age.as_millis() > 0 && age.as_secs() <= 365 * 24 * 60 * 60,
            "the age of a history is not valid: expected 1 ms to 365 days"
        );
        Self { messages, age }
    }

    /// The most messages that are served.
    pub const fn messages(&self) -> usize {
        self.messages
    }

    /// The greatest age of a message that is served.
    pub const fn age(&self) -> Duration {
        self.age
    }

    /// How long messages are stored: an hour longer than the age, or than 24 hours if that is more.
    pub fn stored(&self) -> Duration {
        self.age.max(LEAST_VALID) + SPARE
    }
}

/// What a reading of a log found: see [`Store::since`](super::Store::since).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The position of the last message, or the end of the log if there are none.
    pub position: Position,
    /// Whether every message after the position that was asked for is here or on the pages that follow. Without such a
    /// position it is `true`.
    pub recovered: bool,
    /// The messages in ascending order: sequence numbers and JSON. All are of the epoch of `position`.
    pub messages: Vec<(u64, String)>,
    /// Whether the log contains further messages.
    pub more: bool,
}

/// An entry of a log: a message, the start of an epoch, which has the number 0, or its end mark. Only messages have data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) position: Position,
    pub(super) data: Option<String>,
    pub(super) at: Timestamp,
    /// In whole seconds.
    pub(super) expires: Timestamp,
    /// The random number of the call that wrote it.
    pub(super) nonce: u64,
}

impl Entry {
    /// The first entry of an epoch.
    fn start(epoch: String, at: Timestamp, stored: Duration, nonce: u64) -> Self {
        Self {
            position: Position { epoch, seq: 0 },
            data: None,
            at,
            expires: super::value_expiry(at, stored),
            nonce,
        }
    }

    /// The end mark of an epoch, at the position after its last entry.
    pub(super) fn end(&self, position: &Position) -> Self {
        Self {
            position: position.clone(),
            ..self.clone()
        }
    }

    /// Whether it is the end mark of its epoch.
    fn is_end(&self) -> bool {
        self.data.is_none() && self.position.seq > 0
    }

    /// The end of the log behind this entry.
    fn tail(&self) -> Tail {
        Tail {
            position: self.position.clone(),
            expires: self.expires,
        }
    }
}

/// The end of a log: its newest entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) position: Position,
    pub(super) expires: Timestamp,
}

impl Tail {
    /// Whether the epoch may be continued here.
    fn is_continued(&self, now: Timestamp) -> bool {
        now + CONTINUED < self.expires && self.position.seq < MAX_SEQ
    }

    /// Whether an append of the next entry is accepted.
    fn is_complete(&self, now: Timestamp) -> bool {
        now + COMPLETE < self.expires
    }

    /// Whether the position is valid.
    fn is_valid(&self, now: Timestamp) -> bool {
        now + READ < self.expires
    }

    /// The entry that follows. It never expires before this one.
    fn follow(&self, data: &str, at: Timestamp, stored: Duration, nonce: u64) -> Entry {
        Entry {
            position: self.position.next(),
            data: Some(data.to_owned()),
            at,
            expires: super::value_expiry(at, stored).max(self.expires),
            nonce,
        }
    }
}

/// The newest item of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Newest {
    Nothing,
    /// There are no entries. The head names the last epoch.
    Head(String),
    Entry(Entry),
}

impl Newest {
    fn epoch(&self) -> Option<&str> {
        match self {
            Self::Nothing => None,
            Self::Head(epoch) => Some(epoch),
            Self::Entry(entry) => Some(&entry.position.epoch),
        }
    }
}

/// A part of a log, in ascending order.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) entries: Vec<Entry>,
    /// Whether the log may go on.
    pub(super) more: bool,
}

/// The outcome of a conditional write.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written<T> {
    Done,
    /// The condition was not met: by this.
    Refused(T),
}

/// What a database does for the log of a room. All operations are strongly consistent, and a write is done entirely or
/// not at all.
pub(super) trait LogTable: Sync {
    /// The newest item.
    fn newest(&self, room: &str) -> impl Future<Output = Result<Newest, StoreError>> + Send;

    /// The entries from a position on, at most `most`.
    fn part(
        &self,
        room: &str,
        from: &Position,
        most: usize,
    ) -> impl Future<Output = Result<Part, StoreError>> + Send;

    /// Writes an entry unless there is one at its position, which is returned then.
    fn put(
        &self,
        room: &str,
        entry: &Entry,
    ) -> impl Future<Output = Result<Written<Entry>, StoreError>> + Send;

    /// Begins an epoch: sets the head to the epoch of `first`, if it is `former` or there is none, and writes `first` and
    /// `end`, if there is no entry at the position of `end`. Returns the epoch of the head otherwise, if it is known.
    fn begin(
        &self,
        room: &str,
        former: Option<&str>,
        end: Option<&Entry>,
        first: &Entry,
    ) -> impl Future<Output = Result<Written<Option<String>>, StoreError>> + Send;
}

/// A clock that goes on from the time of a call: by the longer of two clocks, because one of them may stand still while
/// Lambda freezes the process.
#[derive(Debug, Clone, Copy)]
struct CallClock {
    now: Timestamp,
    instant: Instant,
    system: SystemTime,
}

impl CallClock {
    fn start(now: Timestamp) -> Self {
        Self {
            now,
            instant: Instant::now(),
            system: SystemTime::now(),
        }
    }

    fn now(&self) -> Timestamp {
        let system = self.system.elapsed().unwrap_or_default();
        self.now + self.instant.elapsed().max(system)
    }
}
