//! Exceptions of the Invoke API.

use crate::reply;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// An exception of the Invoke API, with the names and statuses of Lambda's API model.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Exception {
    #[error("Function not found: {0}")]
    NotFound(String),
    #[error("{0}")]
    InvalidParameter(&'static str),
    #[error("Could not parse request body into json: Could not parse payload into json: {0}")]
    NoJson(String),
    #[error("the request's body is incomplete")]
    BrokeOff,
    #[error("Request must be smaller than {0} bytes for the InvokeFunction operation")]
    TooLarge(usize),
    #[error("Rate Exceeded.")]
    Throttled,
    #[error(
        "The operation cannot be performed at this time. The function is currently in the following state: Pending"
    )]
    Pending,
    #[error("{0}")]
    Service(String),
    #[error("the local Lambda supports only the operation Invoke")]
    UnknownOperation,
}

impl Exception {
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
            Self::InvalidParameter(_) => {
                (StatusCode::BAD_REQUEST, "InvalidParameterValueException")
            }
            Self::NoJson(_) | Self::BrokeOff => {
                (StatusCode::BAD_REQUEST, "InvalidRequestContentException")
            }
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException"),
            Self::Throttled => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
            Self::Pending => (StatusCode::CONFLICT, "ResourceConflictException"),
            Self::Service(_) => (StatusCode::INTERNAL_SERVER_ERROR, "ServiceException"),
            Self::UnknownOperation => (StatusCode::NOT_FOUND, "UnknownOperationException"),
        }
    }

    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let (status, error_type) = self.kind();
        let who = match self {
            Self::Service(_) => "Service",
            _ => "User",
        };
        let message = self.to_string();
        // The model spells the member in two ways.
        let body = match self {
            Self::NotFound(_) | Self::Pending | Self::Service(_) => {
                json!({"Type": who, "Message": message})
            }
            Self::Throttled => {
                json!({"Reason": "ConcurrentInvocationLimitExceeded", "Type": who, "message": message})
            }
            _ => json!({"Type": who, "message": message}),
        };
        let mut response = reply::json(status, body.to_string());
        let headers = response.headers_mut();
        headers.insert(ERROR_TYPE, HeaderValue::from_static(error_type));
        response
    }
}
