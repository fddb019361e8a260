//! What a gateway tells of itself.

use lambda_ws_protocol::response::ErrorFrame;
use std::fmt;
use std::time::Duration;

/// One thing a gateway did, told when it was done.
#[non_exhaustive]
pub struct Operation<'a> {
    /// What it was.
    pub kind: OperationKind,
    /// The route that was selected; empty if none was.
    pub route: &'a str,
    /// The connection; for the management API the one that was asked for.
    pub connection_id: &'a str,
    /// The event's request id.
    pub request_id: &'a str,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it ended so, if there is more to say.
    pub detail: Option<&'a dyn fmt::Display>,
    /// How long it took.
    pub duration: Duration,
}

/// The kind of what a gateway did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperationKind {
    /// A handshake that reached its `$connect`, or would have, were there one.
    Connect,
    /// A handshake that an authorizer decided on, or the API keys; then comes its `$connect`.
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

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The integration answered; nothing went to the client.
    Done,
    /// The integration's answer went to the client (conformance E2).
    Answered,
    /// The integration's answer or an error frame found the client gone or not reading.
    Undelivered,
    /// An HTTP response with this status: of a handshake, 101 is success.
    Status(u16),
    /// The client was sent an error frame.
    Frame(ErrorFrame),
    /// The connection was closed with this code.
    Closed(u16),
    /// The integration failed, and nobody is told (conformance E8).
    Failed,
}

impl Outcome {
    /// Whether it is as everybody wants it.
    pub fn is_good(self) -> bool {
        match self {
            Self::Done | Self::Answered => true,
            Self::Status(status) => (100..300).contains(&status),
            Self::Closed(code) => matches!(code, 1000 | 1001 | 1005),
            Self::Undelivered | Self::Frame(_) | Self::Failed => false,
        }
    }
}

/// In a word: `ok`, a status, a close code.
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
