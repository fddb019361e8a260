//! The errors of invocations.

use crate::error::BoxError;
use http::StatusCode;

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

#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorizerError {
    /// The error that API Gateway converts to 401. It converts any other to 500 (conformance B9).
    #[error("Unauthorized")]
    Unauthorized,
    #[error("the authorizer failed with {0}")]
    Failed(StatusCode),
    #[error("{0}")]
    Policy(String),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// The event has another format, or a name that is not valid.
    #[error("{0}: {FORM}")]
    Invalid(String),
    #[error(
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI is not set, and a publish event does not contain it: expected \
         https://{{api-id}}.execute-api.{{region}}.amazonaws.com/{{stage}}"
    )]
    NoEndpoint,
    /// The invocation ran out of time, and no task continues.
    #[error(
        "the broadcast ran out of time after {sent} recipients; fix: let the function invoke itself, or raise its timeout"
    )]
    Incomplete { sent: usize },
    #[error("all {messages} messages of the batch failed")]
    Batch {
        messages: usize,
        #[source]
        first: BoxError,
    },
    #[error("an earlier message in the FIFO queue failed")]
    OutOfOrder,
}

const FORM: &str = "expected {\"publish\": {\"room\" or \"user\" or \"connection\": NAME, or \"everyone\": \
    true, and \"data\": text or any JSON}}";
