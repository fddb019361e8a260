//! The errors of the connection store.

use super::BoxError;
use lambda_ws_protocol::table_layout::{MAX_ROOMS, SESSION_BYTES, VALUE_BYTES};

/// Why the connection store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The name of a connection, a room, a user or a namespace, or a key, is empty or too long.
    #[error(
        "a name of {0} bytes is not allowed: connections, rooms, users, namespaces and keys have names of 1 to \
         256 bytes"
    )]
    BadName(usize),
    /// The connection is in [`MAX_ROOMS`] rooms.
    #[error("the connection is in {MAX_ROOMS} rooms already: leave one first")]
    TooManyRooms,
    /// The session is over [`SESSION_BYTES`].
    #[error("a session of {0} bytes is too large: at most {SESSION_BYTES} are kept")]
    SessionTooLarge(usize),
    /// The session is no JSON, or not of the type it is asked for as.
    #[error("the session is not of this type")]
    BadSession(#[source] serde_json::Error),
    /// A value is over [`VALUE_BYTES`].
    #[error("a value of {0} bytes is too large: at most {VALUE_BYTES} are kept")]
    ValueTooLarge(usize),
    /// A value is no JSON, or not of the type it is asked for as.
    #[error("the value is not of this type")]
    BadValue(#[source] serde_json::Error),
    /// The record was changed by another message of the same connection, or the value by somebody else:
    /// read it again.
    #[error("the record or the value was changed meanwhile: read it again and retry")]
    Conflict,
    /// The store keeps no logs of rooms.
    #[error(
        "this store keeps no history of rooms: use `store::DynamoDb`, or implement `Store::append` and `Store::since`"
    )]
    NoHistory,
    /// Nobody keeps who is present: the router has neither of the hooks, nor [`Router::presence`].
    ///
    /// [`Router::presence`]: crate::Router::presence
    #[error(
        "who is present is not kept: give the router `joined` or `left` handlers, or `presence()`"
    )]
    NoPresence,
    /// The connection has no record: it has ended, expired, or was found gone.
    #[error("the connection is not registered: it has ended")]
    NotConnected,
    /// The database did not answer, or not as it should.
    #[error("the connection store does not answer")]
    Unavailable(#[source] BoxError),
}

impl StoreError {
    /// An error of the database itself.
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self::Unavailable(source.into())
    }
}
