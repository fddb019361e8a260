//! The event that a sender belongs to.

use crate::ConnectionId;

#[derive(Debug, Clone, Default)]
pub(crate) enum EventOrigin {
    /// The `$connect` of this connection, which cannot receive yet.
    Handshake(ConnectionId),
    /// A `joined` handler in `$connect` of this connection. It cannot receive yet, and broadcasts exclude it.
    JoinedInHandshake(ConnectionId),
    /// The `opened` handler of this connection. API Gateway may not have opened it yet, so sends are retried.
    Opened(ConnectionId),
    /// A handler of this open connection.
    Connected(ConnectionId),
    /// A task, a publish event, `$disconnect`, or a program that serves no events.
    #[default]
    Outside,
}

impl EventOrigin {
    pub(super) fn handshake(&self) -> Option<&ConnectionId> {
        match self {
            Self::Handshake(id) | Self::JoinedInHandshake(id) => Some(id),
            _ => None,
        }
    }

    /// Returns the connection that the event proves to be alive.
    pub(super) fn alive(&self) -> Option<&ConnectionId> {
        match self {
            Self::Opened(id) | Self::Connected(id) => Some(id),
            _ => None,
        }
    }

    pub(super) fn excluded(&self) -> Option<&ConnectionId> {
        match self {
            Self::JoinedInHandshake(id) => Some(id),
            _ => None,
        }
    }
}
