//! The error frames API Gateway itself sends to a client.

use std::fmt;

/// Why API Gateway answers a message with a frame of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorFrame {
    /// No route matched, and there is no `$default` (conformance D4).
    Forbidden,
    /// The function failed, crashed, timed out or answered what is no proxy response (conformance
    /// E3, E4, E6, E7).
    InternalServerError,
    /// The integration took longer than its timeout (conformance E5).
    EndpointRequestTimedOut,
}

impl ErrorFrame {
    /// The HTTP status of a handshake that fails for the same reason (conformance B4).
    pub const fn status(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            Self::InternalServerError => 502,
            Self::EndpointRequestTimedOut => 504,
        }
    }
}

impl fmt::Display for ErrorFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forbidden => "Forbidden",
            Self::InternalServerError => "Internal server error",
            Self::EndpointRequestTimedOut => "Endpoint request timed out",
        })
    }
}

/// The text of an error frame, spaced as the service spaces it (conformance D4).
pub fn error_frame(error: ErrorFrame, connection_id: &str, request_id: &str) -> String {
    format!(
        r#"{{"message": "{error}", "connectionId":"{connection_id}", "requestId":"{request_id}"}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d4_e3_e5_a_frame_is_spaced_as_the_service_spaces_it() {
        assert_eq!(
            error_frame(
                ErrorFrame::Forbidden,
                "XDmENcnwIE0CFEQ=",
                "XDmGEE2RoE0FRdQ="
            ),
            r#"{"message": "Forbidden", "connectionId":"XDmENcnwIE0CFEQ=", "requestId":"XDmGEE2RoE0FRdQ="}"#
        );
        assert_eq!(
            error_frame(ErrorFrame::InternalServerError, "c", "r"),
            r#"{"message": "Internal server error", "connectionId":"c", "requestId":"r"}"#
        );
        assert_eq!(
            error_frame(ErrorFrame::EndpointRequestTimedOut, "c", "r"),
            r#"{"message": "Endpoint request timed out", "connectionId":"c", "requestId":"r"}"#
        );
    }
}
