//! The answers to commands.

use super::is_false;
use crate::{ConnectionId, Position, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The answer to [`Count`](super::Count): `{"count": 48211}`, with `next` if the count continues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// The connections that this command counted. Add those of all answers.
    pub count: u64,
    /// The cursor that continues the count. Without it, the count is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The answer to [`List`](super::List): `{"connections": [{"connection": "PJqB0fHsqRcCHlw="}]}`, with `next` if there
/// are more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// Some of the connections. A page may be empty and have a next page.
    pub connections: Vec<Listing>,
    /// The cursor of the next page. Without it, the list is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A row of a list. All members but the id are absent without [`List::details`](super::List::details).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// The id of the connection.
    pub connection: ConnectionId,
    /// The user, if the connection has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The rooms in the order of their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rooms: Option<Vec<String>>,
    /// The time when the connection was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_at: Option<Timestamp>,
    /// The size of the session in bytes of JSON. It is 0 without a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_bytes: Option<usize>,
}

impl Listing {
    /// Returns a row without details.
    pub fn new(connection: ConnectionId) -> Self {
        Self {
            connection,
            user: None,
            rooms: None,
            connected_at: None,
            session_bytes: None,
        }
    }
}

/// The answer to [`Show`](super::Show): `{"connection": {..}}`, or `{"connection": null}` if the table does not contain
/// the connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// The connection, if the table contains it.
    pub connection: Option<Details>,
}

/// A connection: its record in the table, and its state in API Gateway.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// The id of the connection.
    pub connection: ConnectionId,
    /// The user, if the connection has one.
    pub user: Option<String>,
    /// The rooms in the order of their names.
    pub rooms: Vec<String>,
    /// The time when the connection was opened.
    pub connected_at: Timestamp,
    /// The time when the record expires.
    pub expires: Timestamp,
    /// The API and the stage, as `<apiId>/<stage>`.
    pub api: String,
    /// Whether API Gateway reported the connection as gone, and its `$disconnect` is outstanding.
    #[serde(default, skip_serializing_if = "is_false")]
    pub gone: bool,
    /// The size of the session in bytes of JSON. It is 0 without a session.
    pub session_bytes: usize,
    /// The session, if the command asks for it and there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Box<RawValue>>,
    /// The state of the socket, from GetConnection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientState>,
    /// The error of GetConnection, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_error: Option<String>,
}

/// The state of a client's socket, from GetConnection of the management API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientState {
    /// The time of the last message in either direction.
    pub last_active_at: Timestamp,
    /// The address of the client.
    pub source_ip: String,
    /// The `User-Agent` of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// The answer to [`Disconnect`](super::Disconnect): `{"closed": 3, "gone": 0, "throttled": 0, "failed": 0}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disconnected {
    /// The connections that were closed.
    pub closed: usize,
    /// The connections that had ended before.
    pub gone: usize,
    /// The connections that were throttled at every attempt.
    pub throttled: usize,
    /// The connections that failed for another reason.
    pub failed: usize,
    /// The follow-up tasks that close the others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tasks: usize,
    /// Whether the time of the function ended first, and no task continues. Repeat the command.
    #[serde(default, skip_serializing_if = "is_false")]
    pub incomplete: bool,
}

/// The answer to [`Broadcast`](super::Broadcast): `{"sent": 3, "gone": 0, "throttled": 0, "failed": 0}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// The connections that the message was sent to.
    pub sent: usize,
    /// The connections that had ended before.
    pub gone: usize,
    /// The connections that were throttled at every attempt.
    pub throttled: usize,
    /// The connections that failed for another reason.
    pub failed: usize,
    /// The position in the log of the room, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The follow-up tasks that send to the others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tasks: usize,
}

/// The answer to [`Follow`](super::Follow): `{"position": ["k3f9x0a2b", 58], "recovered": true, "messages": [[58,
/// "hi"]], "more": false}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    /// The position of the last message, or the end of the log. Follow from here.
    pub position: Position,
    /// Whether no message is missing between the position of the command and the first message of the answer.
    pub recovered: bool,
    /// The messages in ascending order: sequence numbers in the epoch of `position`, and JSON. At most 300.
    pub messages: Vec<(u64, Box<RawValue>)>,
    /// Whether the log contains further messages.
    pub more: bool,
}

/// The answer to [`Tasks`](super::Tasks): `{"tasks": [{"id": "..", "state": "running", "until": 1767607440000}]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskPage {
    /// The tasks. A page may be empty and have a next page.
    pub tasks: Vec<TaskRow>,
    /// The cursor of the next page. Without it, the list is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A follow-up task of a broadcast that has started and is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRow {
    /// The id of the task. Log lines of the task contain it as `id`.
    pub id: String,
    /// The state of the task.
    pub state: TaskState,
    /// The time until which an invocation has reserved the task. A running task renews it.
    pub until: Timestamp,
    /// The remaining parts of 256: each is about 0.4 % of the whole audience. Absent before the first saved progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_parts: Option<usize>,
    /// The remaining recipients that are not in these parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_connections: Option<usize>,
}

/// The state of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TaskState {
    /// An invocation runs the task.
    Running,
    /// An invocation queues the next task for the remaining recipients.
    HandingOff,
    /// The invocation ended early. Lambda retries the task, at most twice.
    Waiting,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The signature of serde.
fn is_zero(count: &usize) -> bool {
    *count == 0
}
