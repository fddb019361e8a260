//! The errors of the connection store.

use super::BoxError;
use lambda_ws_protocol::table_layout::{MAX_ROOMS, PRESENCE_BYTES, SESSION_BYTES, VALUE_BYTES};

/// The error of the connection store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The name of a connection, a room, a user or a namespace, or a key, is empty or too long.
    #[error(
        "a name of {0} bytes is not valid: connections, rooms, users, namespaces and keys have names of 1 to \
         256 bytes"
    )]
    BadName(usize),
    /// The connection is in [`MAX_ROOMS`] rooms.
    #[error("the connection is already in {MAX_ROOMS} rooms: leave one first")]
    TooManyRooms,
    /// The session is over [`SESSION_BYTES`].
    #[error("a session of {0} bytes is too large: expected at most {SESSION_BYTES} bytes")]
    SessionTooLarge(usize),
    /// The session is not valid JSON of the requested type.
    #[error("the session is not valid for this type")]
    BadSession(#[source] serde_json::Error),
    /// A value is over [`VALUE_BYTES`].
    #[error("a value of {0} bytes is too large: expected at most {VALUE_BYTES} bytes")]
    ValueTooLarge(usize),
    /// The value is not valid JSON of the requested type.
    #[error("the value is not valid for this type")]
    BadValue(#[source] serde_json::Error),
    /// Another message of the same connection changed the record, or another caller changed the value. Read it again.
    #[error("the record or the value has changed meanwhile: read it again and retry")]
    Conflict,
    /// The store does not support the logs of rooms.
    #[error(
        "this store keeps no history of rooms: use `store::DynamoDb`, or implement `Store::append` and `Store::since`"
    )]
    NoHistory,
    /// The router does not keep presences: it has none of the handlers, nor [`Router::presence`].
    ///
    /// [`Router::presence`]: crate::Router::presence
    #[error(
        "presences are not stored; fix: add a `joined` or `left` handler or `presence()` to the router"
    )]
    NoPresence,
    /// The router does not keep data of users: it has no [`Router::changed`] handler.
    ///
    /// [`Router::changed`]: crate::Router::changed
    #[error("data of users is not stored; fix: add a `changed` handler to the router")]
    NoPresenceData,
    /// The data of a user in a room is over [`PRESENCE_BYTES`].
    #[error(
        "presence data of {0} bytes is too large: expected at most {PRESENCE_BYTES} bytes of JSON"
    )]
    PresenceTooLarge(usize),
    /// The data of a user in a room is not valid JSON of the type.
    #[error(
        "the presence data is not valid for this type: expected at most {PRESENCE_BYTES} bytes of JSON"
    )]
    BadPresence(#[source] serde_json::Error),
    /// The connection has no record: it has ended, has expired, a 410 was confirmed, or another program accepted it: see
    /// [`Sender::register`](crate::Sender::register).
    #[error(
        "the connection is not registered: it has ended, or another program accepted it; fix: call `Sender::register` for \
         the connections of another program"
    )]
    NotConnected,
    /// The database did not respond, or its response is not valid.
    #[error("the connection store is not available")]
    Unavailable(#[source] BoxError),
}

impl StoreError {
    /// Creates an error of the database.
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self::Unavailable(source.into())
    }
}
