//! Operations of a gateway.

use lambda_ws_protocol::response::ErrorFrame;
use std::fmt;
use std::time::Duration;

/// A completed operation of a gateway.
#[non_exhaustive]
pub struct Operation<'a> {
    /// The kind.
    pub kind: OperationKind,
    /// The selected route, or empty.
    pub route: &'a str,
    /// The connection. For the management API, the requested one.
    pub connection_id: &'a str,
    /// The event's request id.
    pub request_id: &'a str,
    /// The result.
    pub outcome: Outcome,
    /// The reason of the result, if it needs one.
    pub detail: Option<&'a dyn fmt::Display>,
    /// The duration.
    pub duration: Duration,
}

/// The kind of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperationKind {
    /// A handshake that reached its `$connect`, or the point where `$connect` would run.
    Connect,
    /// A handshake that an authorizer or the API keys decided on, before its `$connect`.
    Authorize,
    /// A message of a client.
    Message,
    /// A `$disconnect` event.
    Disconnect,
    /// The end of a connection, with its close code in the outcome.
    Close,
    /// A POST to `@connections`.
    Post,
    /// A GET of `@connections`.
    Inspect,
    /// A DELETE of `@connections`.
    Delete,
}

/// Writes the kind in one word, such as `connect` or `post`.
impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Authorize => "authorize",
            Self::Message => "message",
            Self::Disconnect => "disconnect",
            Self::Close => "close",
            Self::Post => "post",
            Self::Inspect => "inspect",
            Self::Delete => "delete",
        })
    }
}

/// The result of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The integration responded, and nothing was sent to the client.
    Done,
    /// The integration's response was sent to the client (conformance E2).
    Answered,
    /// The client disconnected or did not read before it got the response or the error frame.
    Undelivered,
    /// An HTTP response with this status. For a handshake, 101 is success.
    Status(u16),
    /// An error frame was sent to the client.
    Frame(ErrorFrame),
    /// The connection was closed with this code.
    Closed(u16),
    /// The integration failed, and the client gets no error (conformance E8).
    Failed,
}

impl Outcome {
    /// Whether the operation succeeded.
    pub fn is_good(self) -> bool {
        match self {
            Self::Done | Self::Answered => true,
            Self::Status(status) => (100..300).contains(&status),
            Self::Closed(code) => matches!(code, 1000 | 1001 | 1005),
            Self::Undelivered | Self::Frame(_) | Self::Failed => false,
        }
    }
}

/// Prints one word: `ok`, a status, a close code.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("ok"),
            Self::Answered => f.write_str("answered"),
            Self::Undelivered => f.write_str("not delivered"),
            Self::Status(status) => status.fmt(f),
            Self::Frame(frame) => frame.fmt(f),
            Self::Closed(code) => code.fmt(f),
            Self::Failed => f.write_str("failed"),
        }
    }
}
