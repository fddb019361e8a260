//! Errors of the management API.

use crate::faults::Kind;
use crate::gateway::http::HttpError;
use lambda_ws_protocol::sigv4::SignatureError;

/// Why a call fails (conformance G6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallError {
    Unsigned(SignatureError),
    Denied(HttpError),
    BadId,
    Gone,
    TooLarge,
    NotText,
    Unread,
    Full,
    TooFast,
    Failing,
}

impl CallError {
    pub(super) fn on_purpose(kind: Kind) -> Self {
        match kind {
            Kind::Gone | Kind::FalseGone => Self::Gone,
            Kind::Throttle => Self::Full,
            _ => Self::Failing,
        }
    }

    pub(super) fn http_error(self, id: &str) -> HttpError {
        match self {
            Self::Unsigned(error) => HttpError::unsigned(&error),
            Self::Denied(error) => error,
            Self::BadId => {
                let message = format!("Invalid connectionId: {id}");
                HttpError::new(400, "BadRequestException", &message)
            }
            Self::Gone => HttpError::empty(410, "GoneException"),
            Self::TooLarge => HttpError::new(
                413,
                "PayloadTooLargeException",
                "Message too long: 128 KB (131072 bytes) at most",
            ),
            Self::NotText => HttpError::new(
                400,
                "BadRequestException",
                "The data is not UTF-8: clients are sent text frames only",
            ),
            Self::Unread => HttpError::new(
                400,
                "BadRequestException",
                "The request's body did not arrive",
            ),
            Self::Full | Self::TooFast => HttpError::empty(429, "LimitExceededException"),
            Self::Failing => HttpError::new(500, "InternalFailure", "Internal server error"),
        }
    }

    /// Returns the reason, if the status does not explain it.
    pub(super) fn detail(&self) -> Option<String> {
        match self {
            Self::Unsigned(error) => Some(error.to_string()),
            Self::Denied(_) => Some("the permission is denied by the gateway's options".to_owned()),
            _ => None,
        }
    }
}
