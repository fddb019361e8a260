//! Admin events: the commands of an operator to a function of [`lambda_ws`], and their answers.
//!
//! An event is `{"admin": COMMAND}`. A command is an object with one member, its name, as [`Command`] describes. The
//! response of the function is the JSON of the answer. Times are milliseconds since 1970.
//!
//! | command | answer | shape of the command |
//! |---|---|---|
//! | [`Count`] | [`Counted`] | `{"count": {"room": "tea"}}` |
//! | [`List`] | [`Listed`] | `{"list": {"user": "ann", "details": true}}` |
//! | [`Show`] | [`Shown`] | `{"show": {"connection": "PJqB0fHsqRcCHlw="}}` |
//! | [`Disconnect`] | [`Disconnected`] | `{"disconnect": {"user": "ann"}}` |
//! | [`Broadcast`] | [`Sent`] | `{"broadcast": {"everyone": true, "data": "hello"}}` |
//! | [`Follow`] | [`Followed`] | `{"follow": {"room": "chat/tea"}}` |
//! | [`Tasks`] | [`TaskPage`] | `{"tasks": {}}` |
//!
//! ```
//! use lambda_ws_protocol::admin::{Command, Count, Target};
//!
//! let count = Command::Count(Count::of(Target::Room("tea".to_owned()), None));
//! assert_eq!(serde_json::to_string(&count)?, r#"{"count":{"room":"tea"}}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! [`lambda_ws`]: https://docs.rs/lambda_ws

mod answer;
mod target;
#[cfg(test)]
mod tests;

pub use answer::{
    ClientState, Counted, Details, Disconnected, Followed, Listed, Listing, Sent, Shown, TaskPage,
    TaskRow, TaskState,
};
pub use target::{Target, TargetError};

use crate::{ConnectionId, Position};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The member of the event that contains the command.
pub const MEMBER: &str = "admin";

/// The type of the error of a rejected command, in the `errorType` of the function's response.
pub const ERROR_TYPE: &str = "AdminError";

/// A command of an operator. In JSON it is an object with one member: the name of the command in lower case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Command {
    /// Counts connections.
    Count(Count),
    /// Lists connections.
    List(List),
    /// Shows one connection.
    Show(Show),
    /// Closes connections.
    Disconnect(Disconnect),
    /// Sends a message.
    Broadcast(Broadcast),
    /// Reads the log of a room.
    Follow(Follow),
    /// Lists the follow-up tasks of broadcasts.
    Tasks(Tasks),
}

/// An event with a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// The command.
    pub admin: Command,
}

/// Counts the connections in a room, of a user, or all. The answer is a [`Counted`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Count {
    /// The room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// All connections. This is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everyone: Option<bool>,
    /// The [`next`](Counted::next) of the last answer. It continues the count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Lists the connections in a room, of a user, or all, page by page. The answer is a [`Listed`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct List {
    /// The room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// All connections. This is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everyone: Option<bool>,
    /// Whether the rows contain more than ids. It costs at least one more read unit per row.
    #[serde(default, skip_serializing_if = "is_false")]
    pub details: bool,
    /// The [`next`](Listed::next) of the last answer, for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Shows one connection. The answer is a [`Shown`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Show {
    /// The id of the connection.
    pub connection: ConnectionId,
    /// Whether the answer contains the session. A session may contain secrets.
    #[serde(default, skip_serializing_if = "is_false")]
    pub session: bool,
}

/// Closes one connection, the connections in a room or of a user, or all: exactly one of them. The answer is a
/// [`Disconnected`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Disconnect {
    /// The room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The id of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// All connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everyone: Option<bool>,
}

/// Sends a message to one connection, to the connections in a room or of a user, or to all: exactly one of them. It is a
/// `publish` event, so a message to a room with history goes through the log of the room. The answer is a [`Sent`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Broadcast {
    /// The room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The id of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// All connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everyone: Option<bool>,
    /// The message: a JSON string is sent as text, any other JSON as it is.
    pub data: Box<RawValue>,
}

/// Reads the messages of a room with history after a position. The answer is a [`Followed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Follow {
    /// The room.
    pub room: String,
    /// The [`position`](Followed::position) of the last answer. Without it the answer is the end of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Position>,
}

/// Lists the follow-up tasks of broadcasts that are not done, page by page. The answer is a [`TaskPage`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Tasks {
    /// The [`next`](TaskPage::next) of the last answer, for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl Command {
    /// Returns the name of the command in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Count(_) => "count",
            Self::List(_) => "list",
            Self::Show(_) => "show",
            Self::Disconnect(_) => "disconnect",
            Self::Broadcast(_) => "broadcast",
            Self::Follow(_) => "follow",
            Self::Tasks(_) => "tasks",
        }
    }
}

impl Count {
    /// Returns the command for a target. A connection is not a valid target: the function rejects it.
    pub fn of(target: Target, cursor: Option<String>) -> Self {
        let (room, user, _, everyone) = target.members();
        Self {
            room,
            user,
            everyone,
            cursor,
        }
    }

    /// Returns the counted connections.
    ///
    /// # Errors
    ///
    /// Several targets are given.
    pub fn target(&self) -> Result<Target, TargetError> {
        Target::or_everyone([&self.room, &self.user, &None], self.everyone)
    }
}

impl List {
    /// Returns the command for a target. A connection is not a valid target: the function rejects it.
    pub fn of(target: Target, details: bool, cursor: Option<String>) -> Self {
        let (room, user, _, everyone) = target.members();
        Self {
            room,
            user,
            everyone,
            details,
            cursor,
        }
    }

    /// Returns the listed connections.
    ///
    /// # Errors
    ///
    /// Several targets are given.
    pub fn target(&self) -> Result<Target, TargetError> {
        Target::or_everyone([&self.room, &self.user, &None], self.everyone)
    }
}

impl Disconnect {
    /// Returns the command for a target.
    pub fn of(target: Target) -> Self {
        let (room, user, connection, everyone) = target.members();
        Self {
            room,
            user,
            connection,
            everyone,
        }
    }

    /// Returns the connections to close.
    ///
    /// # Errors
    ///
    /// Not exactly one target is given.
    pub fn target(&self) -> Result<Target, TargetError> {
        Target::one([&self.room, &self.user, &self.connection], self.everyone)
    }
}

impl Broadcast {
    /// Returns the command for a target.
    pub fn of(target: Target, data: Box<RawValue>) -> Self {
        let (room, user, connection, everyone) = target.members();
        Self {
            room,
            user,
            connection,
            everyone,
            data,
        }
    }

    /// Returns the recipients.
    ///
    /// # Errors
    ///
    /// Not exactly one target is given.
    pub fn target(&self) -> Result<Target, TargetError> {
        Target::one([&self.room, &self.user, &self.connection], self.everyone)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The signature of serde.
fn is_false(value: &bool) -> bool {
    !value
}
