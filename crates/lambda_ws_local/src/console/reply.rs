//! The responses of the console.

use crate::gateway::PageBody;
use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

/// No inline code, no other origins, and no frames.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Debug)]
pub(super) struct ConsoleError(pub(super) StatusCode, pub(super) String);

impl ConsoleError {
    pub(super) fn bad(message: impl Into<String>) -> ConsoleError {
        ConsoleError(StatusCode::BAD_REQUEST, message.into())
    }

    pub(super) fn not_found() -> ConsoleError {
        ConsoleError(StatusCode::NOT_FOUND, "unknown path".to_owned())
    }

    pub(super) fn method(allowed: &'static str) -> ConsoleError {
        let message = format!("this path supports {allowed} only");
        ConsoleError(StatusCode::METHOD_NOT_ALLOWED, message)
    }

    pub(super) fn response(self) -> Response<PageBody> {
        let mut response = json(self.0, &json!({ "message": self.1 }));
        if self.0 == StatusCode::METHOD_NOT_ALLOWED {
            let methods = HeaderValue::from_static("DELETE, GET, PATCH, POST");
            response.headers_mut().insert(ALLOW, methods);
        }
        response
    }
}

pub(super) fn json(status: StatusCode, body: &Value) -> Response<PageBody> {
    let mut response = bytes("application/json", Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response
}

pub(super) fn bytes(kind: &'static str, body: impl Into<Bytes>) -> Response<PageBody> {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    protect(&mut response, POLICY);
    response
}

pub(super) fn redirect(to: &'static str) -> Response<PageBody> {
    let mut response = bytes("text/plain", "");
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let to = HeaderValue::from_static(to);
    response.headers_mut().insert(LOCATION, to);
    response
}

/// Sets the headers that isolate a page.
pub(super) fn protect(response: &mut Response<PageBody>, policy: &'static str) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}
