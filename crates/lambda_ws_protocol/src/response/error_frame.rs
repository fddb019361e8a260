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
    /// The message is not what the route's model describes (conformance D7).
    BadRequestBody,
    /// The route or the account gets more than it may (conformance E6).
    TooManyRequests,
    /// The integration took longer than its timeout (conformance E5).
    EndpointRequestTimedOut,
}

impl ErrorFrame {
    /// The HTTP status of a handshake that fails for the same reason (conformance B4).
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequestBody => 400,
            Self::Forbidden => 403,
            Self::TooManyRequests => 429,
            Self::InternalServerError => 502,
            Self::EndpointRequestTimedOut => 504,
        }
    }
}

impl fmt::Display for ErrorFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadRequestBody => "Bad request body",
            Self::Forbidden => "Forbidden",
            Self::TooManyRequests => "Too Many Requests",
            Self::InternalServerError => "Internal server error",
            Self::EndpointRequestTimedOut => "Endpoint request timed out",
        })
    }
}

/// The text of an error frame, spaced as the service spaces it (conformance D4, D7). A bad body is told of
/// with the id of the message, everything else with that of the request.
pub fn error_frame(error: ErrorFrame, connection_id: &str, id: &str) -> String {
    match error {
        ErrorFrame::BadRequestBody => format!(
            r#"{{"message" : "{error}", "connectionId": "{connection_id}", "messageId": "{id}"}}"#
        ),
        _ => {
            format!(
                r#"{{"message": "{error}", "connectionId":"{connection_id}", "requestId":"{id}"}}"#
            )
        }
    }
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
        assert_eq!(
            error_frame(ErrorFrame::TooManyRequests, "c", "r"),
            r#"{"message": "Too Many Requests", "connectionId":"c", "requestId":"r"}"#
        );
    }

    #[test]
    fn d7_the_frame_of_a_bad_body_is_spaced_like_no_other_and_names_the_message() {
        assert_eq!(
            error_frame(ErrorFrame::BadRequestBody, "c", "m"),
            r#"{"message" : "Bad request body", "connectionId": "c", "messageId": "m"}"#
        );
    }
}
