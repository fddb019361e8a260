//! HTTP error responses.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use lambda_ws_protocol::sigv4::SignatureError;
use std::fmt::Write as _;
use std::time::SystemTime;

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// The content type of errors and of inspected connections.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpError {
    pub(crate) status: u16,
    /// The `x-amzn-ErrorType`, by which SDKs distinguish errors (conformance G6).
    pub(crate) kind: &'static str,
    pub(crate) body: String,
    pub(crate) header: Option<(&'static str, &'static str)>,
}

impl HttpError {
    pub(crate) fn new(status: u16, kind: &'static str, message: &str) -> Self {
        Self {
            status,
            kind,
            body: serde_json::json!({ "message": message }).to_string(),
            header: None,
        }
    }

    pub(crate) fn empty(status: u16, kind: &'static str) -> Self {
        Self {
            status,
            kind,
            body: String::new(),
            header: None,
        }
    }

    /// Returns the error of an API or a stage that does not exist (conformance A4).
    pub(crate) fn forbidden() -> Self {
        Self::new(403, "ForbiddenException", "Forbidden")
    }

    /// Returns the error of a request without a valid signature (conformance B9, G3).
    pub(crate) fn unsigned(error: &SignatureError) -> Self {
        Self::new(403, error.kind(), &error.message())
    }

    /// Returns the error of a call of the management API without permission (conformance G3). Like the service, it
    /// masks the account and names the parameter instead of the connection's id.
    pub(crate) fn denied(user: &str, resource: &str) -> Self {
        let message = format!(
            "User: {user} is not authorized to perform: execute-api:ManageConnections on resource: {resource}"
        );
        Self {
            status: 403,
            kind: "AccessDeniedException",
            body: serde_json::json!({ "Message": message }).to_string(),
            header: None,
        }
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::new(400, "BadRequestException", message)
    }

    /// Returns the error of a plain request to a WebSocket path (conformance A3).
    pub(crate) fn upgrade_required() -> Self {
        Self {
            header: Some(("Upgrade", "websocket")),
            ..Self::empty(426, "UpgradeRequiredException")
        }
    }

    /// Returns the error of a WebSocket version other than 13 (RFC 6455, 4.2.2).
    pub(crate) fn other_version() -> Self {
        Self {
            header: Some(("Sec-WebSocket-Version", "13")),
            ..Self::empty(426, "UpgradeRequiredException")
        }
    }

    /// Returns the error of a handshake that `$connect` rejected (conformance B4, B5).
    pub(crate) fn by_connect(status: u16, connection_id: &str, request_id: &str) -> Self {
        let (kind, message) = match status {
            401 => ("UnauthorizedException", "Unauthorized"),
            403 => ("ForbiddenException", "Forbidden"),
            429 => ("TooManyRequestsException", "Too Many Requests"),
            504 => ("InternalServerErrorException", "Endpoint request timed out"),
            500.. => ("InternalServerErrorException", "Internal server error"),
            400..500 => ("BadRequestException", reason(status)),
            _ => ("ForbiddenException", reason(status)),
        };
        let body = format!(
            r#"{{"message": "{message}", "connectionId":"{connection_id}", "requestId":"{request_id}"}}"#
        );
        Self {
            status,
            kind,
            body,
            header: None,
        }
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let has_body = !self.body.is_empty();
        let mut response = Response::new(Full::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).expect("the statuses of the gateway are valid");
        let headers = response.headers_mut();
        headers.insert(ERROR_TYPE, HeaderValue::from_static(self.kind));
        if let Some((name, value)) = self.header
            && let Ok(name) = HeaderName::try_from(name)
        {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if has_body {
            headers.insert(CONTENT_TYPE, JSON);
        }
        response
    }

    /// Returns the response in HTTP/1.1, which closes the connection.
    pub(crate) fn to_http1(&self) -> Vec<u8> {
        // A 304 has no body.
        let body = if self.status == 304 { "" } else { &self.body };
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nDate: {}\r\nx-amzn-ErrorType: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.status,
            reason(self.status),
            date(),
            self.kind,
            body.len(),
        );
        if !body.is_empty() {
            head.push_str("Content-Type: application/json\r\n");
        }
        if let Some((name, value)) = self.header {
            // Writing to a string cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        head.push_str(body);
        head.into_bytes()
    }
}

/// Returns the value of a `Date` header. It is the machine's time, as in hyper's responses.
pub(crate) fn date() -> httpdate::HttpDate {
    SystemTime::now().into()
}

fn reason(status: u16) -> &'static str {
    let status = StatusCode::from_u16(status).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unknown")
}
