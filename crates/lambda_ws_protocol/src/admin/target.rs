//! The connections that a command is about.

use std::fmt;

/// The connections that a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// All connections.
    Everyone,
    /// The connections in a room.
    Room(String),
    /// The connections of a user.
    User(String),
    /// The connection with this id.
    Connection(String),
}

/// The error of a command that does not name the expected number of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// No target is given, and the command needs one.
    #[error("the target is missing: expected `room`, `user`, `connection` or `\"everyone\": true`")]
    Missing,
    /// Several targets are given.
    #[error(
        "the target is not unique: expected one of `room`, `user`, `connection` and `everyone`"
    )]
    Several,
    /// `everyone` is false.
    #[error("`everyone` is not valid: expected true")]
    NotEveryone,
}

/// The members `room`, `user`, `connection` and `everyone`.
type Members = (Option<String>, Option<String>, Option<String>, Option<bool>);

impl Target {
    /// Returns the only target of the members `room`, `user` and `connection`, and `everyone`.
    pub(super) fn one(
        [room, user, connection]: [&Option<String>; 3],
        everyone: Option<bool>,
    ) -> Result<Self, TargetError> {
        let everyone = match everyone {
            None => None,
            Some(true) => Some(Self::Everyone),
            Some(false) => return Err(TargetError::NotEveryone),
        };
        let named = [
            room.clone().map(Self::Room),
            user.clone().map(Self::User),
            connection.clone().map(Self::Connection),
            everyone,
        ];
        let mut named = named.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(target), None) => Ok(target),
            (None, _) => Err(TargetError::Missing),
            (Some(_), Some(_)) => Err(TargetError::Several),
        }
    }

    /// Returns the same, or everyone if no target is given.
    pub(super) fn or_everyone(
        named: [&Option<String>; 3],
        everyone: Option<bool>,
    ) -> Result<Self, TargetError> {
        match Self::one(named, everyone) {
            Err(TargetError::Missing) => Ok(Self::Everyone),
            target => target,
        }
    }

    pub(super) fn members(self) -> Members {
        match self {
            Self::Everyone => (None, None, None, Some(true)),
            Self::Room(name) => (Some(name), None, None, None),
            Self::User(name) => (None, Some(name), None, None),
            Self::Connection(id) => (None, None, Some(id), None),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone"),
            Self::Room(name) => write!(f, "room {name:?}"),
            Self::User(name) => write!(f, "user {name:?}"),
            Self::Connection(id) => write!(f, "connection {id:?}"),
        }
    }
}
