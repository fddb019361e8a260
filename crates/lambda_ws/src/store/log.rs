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
//! 1. No entry expires before an earlier one of its epoch ([`Entry::follow`]). While the newest entry that a process knows
//!    has not expired, no later entry of its epoch can have been deleted.
//! 2. A process continues an epoch only after an entry that has not expired, with [`MARGIN`] for the clocks. Otherwise
//!    it begins the next epoch. That is one transaction: it replaces the epoch of the head, writes number 0, and fails if
//!    the entry after the last one exists. So an epoch has one successor, and no epoch ends while it is continued.
//! 3. An append that was sent in time may arrive after the next epoch has begun. Nobody reads it there. A process that
//!    appended shortly before the entry before expired reads the end of the log again ([`LATE`]), and repeats the append in
//!    the new epoch if there is one. No request arrives hours late, because AWS rejects signatures of that age.
//! 4. A position is valid if its entry is present and has not expired. Then all later entries of the epoch are present.
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

/// How long before its expiry an entry counts as expired, because clocks differ.
const MARGIN: Duration = Duration::from_secs(60);

/// How long before the expiry of the entry before an append is checked: another process whose clock is 60 s ahead may
/// begin the next epoch [`MARGIN`] before, by its clock.
const LATE: Duration = Duration::from_secs(3 * 60);

/// The least time for which messages are stored: a room that is quiet for so long keeps its epoch.
const LEAST_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The most messages of a reading.
pub(crate) const MESSAGES: usize = 300;

/// The most bytes of data of a reading with more than one message.
pub(crate) const BYTES: usize = 100 * 1024;

/// The history of a room: which of its messages can be read again.
///
/// A message is served while it is one of the last `messages` ones and not older than `age`. It is stored for `age`, and
/// for 24 hours at least, so that a quiet room keeps its positions.
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

    /// How long messages are stored: the age, or 24 hours if that is longer.
    pub fn stored(&self) -> Duration {
        self.age.max(LEAST_KEPT)
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

/// An entry of a log: a message, or the start of an epoch, which has the number 0 and no data.
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
    fn is_live(&self, now: Timestamp) -> bool {
        now + MARGIN < self.expires && self.position.seq < MAX_SEQ
    }

    /// Whether the next epoch may begin while an entry that follows this one is written.
    fn is_late(&self, now: Timestamp) -> bool {
        now + LATE >= self.expires
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

    /// Begins an epoch: sets the head to the epoch of `first`, if it is `former` or there is none, and writes `first`, if
    /// there is no entry at `unless`. Returns the epoch of the head otherwise, if it is known.
    fn begin(
        &self,
        room: &str,
        former: Option<&str>,
        unless: Option<&Position>,
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
