//! The error frames that API Gateway sends to clients.

use std::fmt;

/// The reason for an error frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorFrame {
    /// No route matched, and there is no `$default` (conformance D4).
    Forbidden,
    /// The function failed, crashed or timed out, or its response is not a valid proxy response (conformance E3, E4,
    /// E6, E7).
    InternalServerError,
    /// The message does not match the model of the route (conformance D7).
    BadRequestBody,
    /// The messages exceed the rate limit of the route or the account (conformance E6).
    TooManyRequests,
    /// The integration took longer than its timeout (conformance E5).
    EndpointRequestTimedOut,
}

impl ErrorFrame {
    /// Returns the HTTP status of a handshake that fails for the same reason (conformance B4).
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

/// Returns the text of an error frame, with the same spaces as the service (conformance D4, D7). `id` is the message
/// id for a bad request body, and the request id for all other errors.
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
    fn d4_e3_e5_a_frame_has_the_same_spaces_as_the_service() {
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
        let expected = r#"{"message": "Too Many Requests", "connectionId":"c", "requestId":"r"}"#;
        assert_eq!(error_frame(ErrorFrame::TooManyRequests, "c", "r"), expected);
    }

    #[test]
    fn d7_the_frame_of_a_bad_body_has_its_own_spaces_and_the_message_id() {
        let expected = r#"{"message" : "Bad request body", "connectionId": "c", "messageId": "m"}"#;
        assert_eq!(error_frame(ErrorFrame::BadRequestBody, "c", "m"), expected);
    }
}
