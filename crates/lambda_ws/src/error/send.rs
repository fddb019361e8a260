//! The errors of a send.

use super::{BoxError, StoreError};
use lambda_ws_protocol::Position;
use lambda_ws_protocol::limits::MESSAGE_BYTES;

/// The error of a send.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection has ended (status 410, confirmed).
    #[error("the connection is gone")]
    Gone,
    /// The connection belongs to another stage that shares the connections table.
    #[error(
        "the connection belongs to the stage {api}, which this program does not reach; fix: set a separate \
         CONNECTIONS_TABLE for each stage"
    )]
    OtherStage {
        /// The API and the stage, as `<apiId>/<stage>`.
        api: String,
    },
    /// The connection's `$connect` has not returned yet (conformance G7). Send the welcome message from
    /// [`Router::opened`](crate::Router::opened), and messages to others with
    /// [`Opening::announce`](crate::Opening::announce).
    #[error(
        "the connection is not open yet: it can receive after `$connect` returns; fix: send from `Router::opened`"
    )]
    NotOpen,
    /// The message is over 128 KB (conformance F3).
    #[error("the message is too large: expected at most {MESSAGE_BYTES} bytes")]
    TooLarge,
    /// The message cannot be encoded as JSON.
    #[error("the message cannot be encoded")]
    Encode(#[source] serde_json::Error),
    /// The URL of the management API is unknown: the event does not come from the WebSocket API, and the variable
    /// `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` is not set.
    #[error(
        "this event does not contain the URL of the management API; fix: set AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI \
          to https://{{api-id}}.execute-api.{{region}}.amazonaws.com/{{stage}}"
    )]
    NoEndpoint,
    /// The account exceeds its rate limit, or the client reads too slowly (status 429, conformance G6).
    #[error(
        "API Gateway throttles the message: the account exceeds its rate limit, or the client's buffer is full"
    )]
    Throttled,
    /// API Gateway does not allow this program to send (status 403).
    #[error(
        "API Gateway rejects the request (403) at {url}; fix: check that the role allows \
         `execute-api:ManageConnections` on POST, GET and DELETE of this stage, that the URL ends with \
         the stage exactly once, that it is not a custom domain with an appended stage, and that \
         credentials and region belong to the API"
    )]
    Forbidden {
        /// The management API's URL.
        url: String,
    },
    /// API Gateway rejects this message, and retries do not help.
    #[error("API Gateway rejects the message with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The body of the response.
        #[source]
        source: BoxError,
    },
    /// API Gateway did not respond, or failed (status 5xx). A retry may succeed.
    #[error("API Gateway is not available")]
    Unavailable(#[source] BoxError),
    /// The message cannot be published.
    #[error("the message cannot be published: {0}")]
    NotPublishable(&'static str),
    /// The log of the room cannot be written. The message may still be in the log.
    #[error("the message is not published: the log of its room cannot be written")]
    NotAppended(#[source] StoreError),
    /// The message is in the log of its room, and the broadcast failed. Members receive the message with their next
    /// `$ping`. Publishing it again sends it twice.
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
    /// The recipients could not be read, or have a name that is not valid ([`StoreError::BadName`]).
    #[error("{}", unread(.0))]
    Store(#[from] StoreError),
}

fn unread(error: &StoreError) -> &'static str {
    match error {
        StoreError::BadName(_) => "the recipient's name is not valid",
        _ => "the recipients cannot be read",
    }
}

impl SendError {
    /// Returns whether a retry may succeed.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable(_))
    }
}
