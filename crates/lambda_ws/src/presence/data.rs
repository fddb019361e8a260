//! The data of users in rooms, for routers with a `changed` handler.

mod announcement;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use announcement::{Announcement, DATA_WINDOW, KEPT_DATA, KeepsData};
use value::Stored;
pub(crate) use value::{Write, encode};

use crate::Timestamp;
use crate::error::Error;
use crate::store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A user who is present in a room, with the data of the user there.
///
/// Its JSON is `{"user": "ann", "data": .., "updated": 1767607440123}`; a user without data has only `user`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UserPresence<T> {
    /// The user.
    pub user: String,
    /// The data: `None` if nobody has set it since the user joined the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
    /// When the data was set (JSON: milliseconds since 1970). It is later with each change while the user is present, so
    /// a client can ignore data that is older than what it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
}

impl<T: DeserializeOwned> UserPresence<T> {
    /// Reads the stored value of a user.
    pub(crate) fn read(user: String, value: &str) -> Result<Self, StoreError> {
        let (data, updated) = match Stored::of(value) {
            Some(stored) => (Some(stored.read()?), Some(stored.at)),
            None => (None, None),
        };
        Ok(Self {
            user,
            data,
            updated,
        })
    }
}

/// The data of the users in a [`PresenceChange`](crate::PresenceChange): an extractor of `changed` and `joined`
/// handlers. See [`Router::changed`](crate::Router::changed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceData<T>(
    /// The users with their data, sorted by name.
    pub Vec<UserPresence<T>>,
);

impl<T: DeserializeOwned> PresenceData<T> {
    /// Reads the values that were stored for `users`.
    pub(crate) fn read(users: &[String], values: &[Box<str>]) -> Result<Self, Error> {
        if users.len() != values.len() {
            return Err(Error::from(StoreError::NoPresenceData));
        }
        let users = users.iter().zip(values);
        let users = users.map(|(user, value)| UserPresence::read(user.clone(), value));
        Ok(Self(users.collect::<Result<_, _>>()?))
    }
}
