//! The records of connections.

use crate::error::StoreError;
use crate::{ConnectionId, Timestamp};
use lambda_ws_protocol::limits::CONNECTION_DURATION;
use lambda_ws_protocol::table_layout;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// The stored data of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The id of the connection.
    pub id: ConnectionId,
    /// The time when it was opened, by API Gateway's clock.
    pub at: Timestamp,
    /// The time when the record expires. An expired record counts as removed.
    pub expires: Timestamp,
    /// The API and the stage of the connection, as `<apiId>/<stage>`.
    pub api: String,
    /// The user of the connection, if the application set one.
    pub user: Option<String>,
    /// The rooms of the connection.
    pub rooms: BTreeSet<String>,
    /// The session, as JSON.
    pub session: Option<String>,
    /// The version of the session. It changes with the session.
    pub version: u64,
    /// Whether a 410 was confirmed and the `$disconnect` is outstanding.
    pub gone: bool,
    /// The time of the last stored mark, if the router [marks](crate::Router::last_seen) connections.
    pub seen: Option<Timestamp>,
}

impl Record {
    /// Creates the record of a connection that was opened `at` and is registered `now`, without a user, rooms or a
    /// session.
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
            seen: None,
        }
    }

    /// Returns the time of the last stored mark, or the time when the connection was opened. The last message of the
    /// client is at most one interval of [`Router::last_seen`](crate::Router::last_seen) younger. Without marks it may
    /// be much younger.
    pub fn last_seen(&self) -> Timestamp {
        self.seen.map_or(self.at, |seen| seen.max(self.at))
    }

    /// Returns the expiry of a connection that was opened `at`: 2 h 5 min later, because AWS closes every connection
    /// after 2 h. A connection with an older date, such as in a sample event, counts as opened `now`.
    pub fn expiry(at: Timestamp, now: Timestamp) -> Timestamp {
        const LIFE: Duration = Duration::from_secs(CONNECTION_DURATION.as_secs() + 5 * 60);
        let opened = if now - at < LIFE { at } else { now };
        // DynamoDB's time to live has whole seconds.
        Timestamp::from_secs((opened + LIFE).secs())
    }

    /// Returns the latest mark that is old enough to be replaced at `now`.
    pub(crate) fn replaceable_mark(now: Timestamp, interval: Duration) -> Timestamp {
        let interval = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(now.millis().saturating_sub(interval))
    }

    /// Returns the session, if there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadSession`] if it is not a valid `T`.
    pub fn session<T: DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        let session = self.session.as_deref().map(serde_json::from_str);
        session.transpose().map_err(StoreError::BadSession)
    }

    /// Returns the groups of the connection, without [`Scope::Everyone`].
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
    /// The connections in a room.
    Room(#[serde(deserialize_with = "name")] String),
    /// The connections of a user.
    User(#[serde(deserialize_with = "name")] String),
}

/// The valid lengths of a name in a table key, in bytes.
const NAME_BYTES: std::ops::RangeInclusive<usize> = 1..=256;

/// Rejects a name of a connection, room or user that does not fit into a table key.
pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    match NAME_BYTES.contains(&name.len()) {
        true => Ok(()),
        false => Err(StoreError::BadName(name.len())),
    }
}

/// Reads a valid name of a room or a user.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    check_name(&name).map_err(D::Error::custom)?;
    Ok(name)
}

impl Scope {
    /// Returns the slices of the group, which can be read in parallel.
    pub fn slices(&self) -> impl Iterator<Item = Slice> + use<> {
        let width = match self {
            // A constant: two versions of a function share the same table.
            Self::Everyone => 16,
            Self::Room(_) | Self::User(_) => 256,
        };
        (0..256).step_by(width).map(move |from| Slice {
            from: from as u8,
            to: (from + width - 1) as u8,
        })
    }
}

/// A range of the hash bytes of connection ids. Reading it from JSON fails if it ends before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Bounds")]
pub struct Slice {
    /// The first hash byte in the range.
    pub from: u8,
    /// The last hash byte in the range.
    pub to: u8,
}

/// A [`Slice`] before validation.
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

    /// Returns whether a connection is in the range.
    pub fn contains(self, id: &ConnectionId) -> bool {
        (self.from..=self.to).contains(&table_layout::hash(id))
    }
}

/// A part of a group of connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Some of its connections. A page without connections may still have a next page.
    pub ids: Vec<ConnectionId>,
    /// The cursor of the next page, which begins after this connection.
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
