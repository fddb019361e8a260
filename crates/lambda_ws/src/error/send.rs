//! Why a message does not reach a client.

use super::{BoxError, StoreError};
use lambda_ws_protocol::Position;
use lambda_ws_protocol::limits::MESSAGE_BYTES;

/// Why a message does not reach a client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection has ended (status 410, confirmed).
    #[error("the connection is gone")]
    Gone,
    /// The connection belongs to another stage that shares the table of connections.
    #[error(
        "the connection belongs to the stage {api}, which this program does not reach: give each stage a \
         CONNECTIONS_TABLE of its own"
    )]
    OtherStage {
        /// The API and the stage, as `<apiId>/<stage>`.
        api: String,
    },
    /// The connection's `$connect` has not returned yet (conformance G7): announce to others, or
    /// greet the client when it has sent its first message.
    #[error("the connection is not open yet: nothing can be sent to it before `$connect` returns")]
    NotOpen,
    /// The message is over 128 KB (conformance F3).
    #[error("the message is too large: at most {MESSAGE_BYTES} bytes can be sent at once")]
    TooLarge,
    /// The message cannot be turned into JSON.
    #[error("the message cannot be encoded")]
    Encode(#[source] serde_json::Error),
    /// The account sends too much, or this client reads too slowly (status 429, conformance G6).
    #[error("too many messages: the account's rate is exceeded or the client's buffer is full")]
    Throttled,
    /// API Gateway does not let this program send (status 403).
    #[error(
        "API Gateway refuses the program (403) at {url}: check that it may \
         `execute-api:ManageConnections` on POST, GET and DELETE of this stage, that the URL ends in \
         the stage exactly once, that it is no custom domain's with a stage appended, and that \
         credentials and region are those of the API"
    )]
    Forbidden {
        /// The management API's URL.
        url: String,
    },
    /// API Gateway refuses this message, and will again.
    #[error("API Gateway refuses the message with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        #[source]
        source: BoxError,
    },
    /// API Gateway did not answer, or with an error of its own (status 5xx): it may next time.
    #[error("API Gateway does not answer")]
    Unavailable(#[source] BoxError),
    /// The message cannot be published.
    #[error("the message cannot be published: {0}")]
    NotPublishable(&'static str),
    /// The log of the room cannot be written. The message may be in the log nevertheless.
    #[error("the message is not published: the log of its room cannot be written")]
    NotAppended(#[source] StoreError),
    /// The message is in the log of its room, and the broadcast failed. Members receive the message with their next
    /// `$ping`, so a caller that publishes it again sends it twice.
    #[error(
        "the message is in the log of its room at {position}, and was not broadcast: members read it from the log"
    )]
    NotBroadcast {
        /// The position of the message.
        position: Position,
        /// Why it was not broadcast.
        #[source]
        source: Box<SendError>,
    },
    /// Those to send to could not be read, or have a name that nothing can have ([`StoreError::BadName`]).
    #[error("{}", unread(.0))]
    Store(#[from] StoreError),
}

fn unread(error: &StoreError) -> &'static str {
    match error {
        StoreError::BadName(_) => "there is no such connection, room or user",
        _ => "the connections to send to cannot be read",
    }
}

impl SendError {
    /// Whether another attempt may succeed.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable(_))
    }
}
