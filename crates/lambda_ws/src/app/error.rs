//! The errors of invocations.

use crate::error::BoxError;
use http::StatusCode;

/// The event is not one that the library knows.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown event: expected `requestContext.eventType` CONNECT, MESSAGE or DISCONNECT and a \
     `requestContext.connectionId`; or `publish`, by itself or in the records of SNS or SQS or the detail of \
     EventBridge{fix}"
)]
pub(crate) struct UnknownEvent {
    fix: String,
    source: Option<BoxError>,
}

impl UnknownEvent {
    /// The event is not valid JSON.
    pub(super) fn because(error: impl Into<BoxError>) -> Self {
        Self {
            fix: String::new(),
            source: Some(error.into()),
        }
    }

    /// The router has no handler for the event, which is what `handler` names.
    pub(super) fn unhandled(handler: &str, source: Option<BoxError>) -> Self {
        Self {
            fix: format!("; fix: for this event add {handler} to the router"),
            source,
        }
    }
}

/// Why an authorizer returns no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorizerError {
    /// The failure that API Gateway answers with 401; any other is a 500 (conformance B9).
    #[error("Unauthorized")]
    Unauthorized,
    /// The handler failed.
    #[error("the authorizer failed with {0}")]
    Failed(StatusCode),
    /// The policy cannot be sent.
    #[error("{0}")]
    Policy(String),
}

/// Why an event is not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// The event is not of the documented form, or names what cannot exist.
    #[error("{0}: {FORM}")]
    Invalid(String),
    /// The function cannot tell where the connections are.
    #[error(
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI is not set: what is published does not tell where its \
         connections are; it is https://{{api-id}}.execute-api.{{region}}.amazonaws.com/{{stage}}"
    )]
    NoEndpoint,
    /// The invocation's time was not enough, and no task goes on.
    #[error(
        "there was not time for all: {sent} were sent to; let the function invoke itself, or give it more time"
    )]
    Incomplete { sent: usize },
    /// Every message of a batch of SQS failed.
    #[error("none of the {messages} messages of the batch is published")]
    Batch {
        messages: usize,
        /// Why the first one failed.
        #[source]
        first: BoxError,
    },
    /// A message before it in a FIFO queue failed.
    #[error("a message before it in the queue failed")]
    OutOfOrder,
}

const FORM: &str = "expected {\"publish\": {\"room\" or \"user\" or \"connection\": NAME, or \"everyone\": \
    true, and \"data\": text or any JSON}}";
