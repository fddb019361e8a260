//! The event that a sender belongs to.

use crate::ConnectionId;

/// The event that a sender belongs to.
#[derive(Debug, Clone, Default)]
pub(crate) enum EventOrigin {
    /// `$connect` of this connection, which cannot receive yet.
    Handshake(ConnectionId),
    /// A `joined` handler in `$connect` of this connection. It cannot receive yet, and broadcasts exclude it.
    JoinedInHandshake(ConnectionId),
    /// The `opened` handler of this connection. A send may come before API Gateway has opened it, and is retried.
    Opened(ConnectionId),
    /// A handler of this connection, which is open.
    Connected(ConnectionId),
    /// Anything else: a task, a publication, `$disconnect` or a program that serves no events.
    #[default]
    Outside,
}

impl EventOrigin {
    /// Returns the connection whose handshake is running.
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

    /// Returns the connection that broadcasts exclude.
    pub(super) fn excluded(&self) -> Option<&ConnectionId> {
        match self {
            Self::JoinedInHandshake(id) => Some(id),
            _ => None,
        }
    }
}
