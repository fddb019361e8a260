//! What is known of a connection.

use crate::error::StoreError;
use crate::{ConnectionId, Timestamp};
use lambda_ws_protocol::limits::CONNECTION_DURATION;
use lambda_ws_protocol::table_layout;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// What is known of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The connection.
    pub id: ConnectionId,
    /// When it was opened, by API Gateway's clock.
    pub at: Timestamp,
    /// When the record is no longer valid; it is then as good as removed.
    pub expires: Timestamp,
    /// The API and the stage it belongs to, as `<apiId>/<stage>`.
    pub api: String,
    /// The user it was opened by, if the application said so.
    pub user: Option<String>,
    /// The rooms it is in.
    pub rooms: BTreeSet<String>,
    /// The session, as JSON.
    pub session: Option<String>,
    /// Another one after every change of the session.
    pub version: u64,
    /// Whether it was found gone, and waits for its `$disconnect`.
    pub gone: bool,
}

impl Record {
    /// The record of a connection that was opened `at` and is registered `now`, without user, rooms
    /// and session.
    pub fn new(id: ConnectionId, at: Timestamp, api: impl Into<String>, now: Timestamp) -> Self {
        Self {
            id,
            at,
            expires: Self::expiry(at, now),
            api: api.into(),
            user: None,
            rooms: BTreeSet::new(),
            session: None,
            version: 0,
            gone: false,
        }
    }

    /// When everything about a connection that was opened `at` expires: 2 h 5 min later, because AWS
    /// ends every connection at 2 h. A connection that claims to be older than that (a sample event
    /// has an old date) is taken to be opened `now`.
    pub fn expiry(at: Timestamp, now: Timestamp) -> Timestamp {
        const LIFE: Duration = Duration::from_secs(CONNECTION_DURATION.as_secs() + 5 * 60);
        let opened = if now - at < LIFE { at } else { now };
        // Whole seconds, as DynamoDB's time to live has them.
        Timestamp::from_secs((opened + LIFE).secs())
    }

    /// The session, if there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadSession`], if it is not a `T`.
    pub fn session<T: DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        let session = self.session.as_deref().map(serde_json::from_str);
        session.transpose().map_err(StoreError::BadSession)
    }

    /// The groups of connections this one is in, besides everyone.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        let rooms = self.rooms.iter().cloned().map(Scope::Room);
        rooms.chain(self.user.clone().map(Scope::User))
    }
}

/// A group of connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// All connections.
    Everyone,
    /// Those in a room.
    Room(#[serde(deserialize_with = "name")] String),
    /// Those of a user.
    User(#[serde(deserialize_with = "name")] String),
}

/// The lengths of a name that a table key can hold, in bytes.
const NAME_BYTES: std::ops::RangeInclusive<usize> = 1..=256;

/// Rejects a name of a connection, room or user that no table key can hold.
pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    match NAME_BYTES.contains(&name.len()) {
        true => Ok(()),
        false => Err(StoreError::BadName(name.len())),
    }
}

/// Reads a name that a room or a user can have.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    check_name(&name).map_err(D::Error::custom)?;
    Ok(name)
}

impl Scope {
    /// The slices that together are the whole group, each to be read on its own, in parallel.
    pub fn slices(&self) -> impl Iterator<Item = Slice> + use<> {
        let width = match self {
            // A constant, not an option: two versions of a function read the same table.
            Self::Everyone => 16,
            Self::Room(_) | Self::User(_) => 256,
        };
        (0..256).step_by(width).map(move |from| Slice {
            from: from as u8,
            to: (from + width - 1) as u8,
        })
    }
}

/// A range of the hash bytes of connection ids. One whose end is before its start cannot be read from JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Bounds")]
pub struct Slice {
    /// The first hash byte in the range.
    pub from: u8,
    /// The last one.
    pub to: u8,
}

/// A [`Slice`] as it is read, before it is checked.
#[derive(Deserialize)]
struct Bounds {
    from: u8,
    to: u8,
}

impl TryFrom<Bounds> for Slice {
    type Error = String;

    fn try_from(Bounds { from, to }: Bounds) -> Result<Self, Self::Error> {
        Self::between(from, to)
    }
}

impl Slice {
    /// All connections.
    pub const ALL: Self = Self { from: 0, to: 255 };

    /// Returns the range from the first to the last hash byte.
    ///
    /// # Errors
    ///
    /// The end is before the start.
    pub(crate) fn between(from: u8, to: u8) -> Result<Self, String> {
        match from <= to {
            true => Ok(Self { from, to }),
            false => Err(format!(
                "the slice from {from} to {to} ends before it starts"
            )),
        }
    }

    /// Whether a connection is in the range.
    pub fn contains(self, id: &ConnectionId) -> bool {
        (self.from..=self.to).contains(&table_layout::hash(id))
    }
}

/// A part of a group of connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Some of its connections; there may be none, and still a next page.
    pub ids: Vec<ConnectionId>,
    /// Where the next page begins: behind this one.
    pub next: Option<ConnectionId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slices_of_a_group_cover_every_hash_once() {
        for (scope, count) in [(Scope::Everyone, 16), (Scope::Room("tea".into()), 1)] {
            let slices: Vec<_> = scope.slices().collect();
            assert_eq!(slices.len(), count);
            let all: Vec<u8> = slices.iter().flat_map(|s| s.from..=s.to).collect();
            assert_eq!(all, (0..=255).collect::<Vec<u8>>());
        }
    }

    #[test]
    fn a_record_expires_five_minutes_after_the_longest_connection() {
        let at = Timestamp::from_secs(1_000_000);
        let later = Timestamp::from_secs(1_000_000 + 7500);
        assert_eq!(Record::expiry(at, at), later);
        assert_eq!(Record::expiry(at, at + Duration::from_secs(7000)), later);
        let now = Timestamp::from_secs(9_000_000);
        assert_eq!(Record::expiry(at, now), now + Duration::from_secs(7500));
    }
}
