//! The responses of handlers.

use crate::Json;
use crate::error::Error;
use crate::event::{
    Authorize, Changed, Connect, Disconnect, Joined, Left, Message, Opened, Subscribe, Trigger,
};
use crate::payload::{IntoPayload, Payload};
use crate::policy::Policy;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::convert::Infallible;

/// The response to an event.
///
/// The text of the response to a message goes to its sender: through PostToConnection, or as the body of a two-way
/// route's response (conformance E2).
#[derive(Debug)]
pub struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// Whether API Gateway itself sends the body, because the route is two-way.
    pub(crate) two_way: bool,
}

#[derive(Debug, Default)]
pub(crate) enum Body {
    #[default]
    Nothing,
    Text(Payload),
    Policy(Box<Policy>),
    /// The result of an event without a connection.
    Json(Box<RawValue>),
    Failure(Error),
}

impl Response {
    /// Creates a response with only a status.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Body::Nothing,
            two_way: false,
        }
    }

    /// Returns the status. On `$connect` any status other than 2xx rejects the client (conformance B4).
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers. API Gateway uses only `Sec-WebSocket-Protocol` (conformance B6).
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Returns the error, if the handler failed.
    pub fn error(&self) -> Option<&Error> {
        match &self.body {
            Body::Failure(error) => Some(error),
            Body::Nothing | Body::Text(_) | Body::Policy(_) | Body::Json(_) => None,
        }
    }
}

impl Default for Response {
    fn default() -> Self {
        Self::new(StatusCode::OK)
    }
}

/// The return value of a handler for events of kind `K`.
///
/// | kind | return value |
/// |---|---|
/// | `Authorize` | [`Policy`] |
/// | `Connect` | `()`, [`Accept`], [`StatusCode`] |
/// | `Opened` | `()`, text, [`Json`], `Option` of those, for the new client |
/// | `Message` | `()`, text, [`Json`], `Option` of those, for the sender |
/// | a two-way route | text, [`Json`] |
/// | `Subscribe`, `Disconnect`, `Joined`, `Left`, `Changed` | `()` |
///
/// All may also return a `Result` with an [`Error`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned from a `{K}` handler",
    label = "no response to a `{K}` event",
    note = "`Authorize` handlers return `Policy`; `Connect` handlers `()`, `Accept` or `StatusCode`; `Opened` and `Message` handlers `()`, text, `Json` or an `Option` of those; `TwoWay` handlers text or `Json`; `Subscribe`, `Disconnect`, `Joined`, `Left` and `Changed` handlers `()`; all may return a `Result` of those and `Error`"
)]
pub trait IntoResponse<K> {
    /// Converts the value into a response.
    fn into_response(self) -> Response;
}

/// What a handler of [`Router::on`](crate::Router::on) and [`Router::event`](crate::Router::event) may return: `()`, or a
/// `Result` of anything that is JSON and an [`Error`].
///
/// The JSON is the result of the invocation; `()` is `null`. An error fails the invocation: Lambda retries an
/// asynchronous event twice, and the records of a queue or a stream until they expire.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned from a handler of `Router::on` or `Router::event`",
    label = "not a result of an event",
    note = "return `()`, or a `Result<T, Error>` whose `T` implements `serde::Serialize`"
)]
pub trait IntoResult {
    /// Makes the response.
    fn into_result(self) -> Response;
}

impl IntoResult for () {
    fn into_result(self) -> Response {
        Response::default()
    }
}

impl<T: Serialize, E: Into<Error>> IntoResult for Result<T, E> {
    fn into_result(self) -> Response {
        let json = self
            .map_err(Into::into)
            .and_then(|value| to_raw_value(&value).map_err(Error::from));
        match json {
            Ok(json) => Response {
                body: Body::Json(json),
                ..Response::default()
            },
            Err(error) => IntoResponse::<Trigger>::into_response(error),
        }
    }
}

/// In place of an event's kind: what a two-way route may return, which is never nothing.
#[derive(Debug)]
pub enum TwoWay {}

impl<K> IntoResponse<K> for Response {
    fn into_response(self) -> Response {
        self
    }
}

impl<K> IntoResponse<K> for Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

impl<K> IntoResponse<K> for Error {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.status());
        response.body = Body::Failure(self);
        response
    }
}

impl<K, T: IntoResponse<K>, E: IntoResponse<K>> IntoResponse<K> for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(value) => value.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

/// An empty response, where it is allowed.
macro_rules! nothing {
    ($($kind:ty)*) => { $(
        impl IntoResponse<$kind> for () {
            fn into_response(self) -> Response {
                Response::default()
            }
        }
    )* };
}

nothing! { Connect Opened Message Subscribe Disconnect Joined Left Changed }

impl IntoResponse<Authorize> for Policy {
    fn into_response(self) -> Response {
        Response {
            body: Body::Policy(Box::new(self)),
            ..Response::default()
        }
    }
}

impl IntoResponse<Connect> for StatusCode {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

/// Accepts a client, with or without one of its sub-protocols.
///
/// A client that offers sub-protocols closes the connection if none is chosen (conformance B8).
#[derive(Debug, Clone, Default)]
pub struct Accept {
    protocol: Option<HeaderValue>,
}

impl Accept {
    /// Creates a response that accepts the client without a sub-protocol.
    pub fn new() -> Self {
        Self::default()
    }

    /// Selects a sub-protocol. A protocol that is not a valid header value is ignored.
    pub fn protocol(mut self, protocol: &str) -> Self {
        self.protocol = HeaderValue::from_str(protocol).ok();
        self
    }
}

impl IntoResponse<Connect> for Accept {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        if let Some(protocol) = self.protocol {
            response.headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        response
    }
}

/// An optional message, where it is allowed.
macro_rules! options {
    ($($kind:ty)*) => { $(
        impl<T: IntoResponse<$kind>> IntoResponse<$kind> for Option<T> {
            fn into_response(self) -> Response {
                self.map(T::into_response).unwrap_or_default()
            }
        }
    )* };
}

options! { Opened Message }

/// The types of messages to a client.
macro_rules! texts {
    ($($kind:ty)*) => { $(
        impl IntoResponse<$kind> for &'static str {
            fn into_response(self) -> Response {
                text(self)
            }
        }

        impl IntoResponse<$kind> for String {
            fn into_response(self) -> Response {
                text(self)
            }
        }

        impl<T: serde::Serialize> IntoResponse<$kind> for Json<T> {
            fn into_response(self) -> Response {
                text(self)
            }
        }
    )* };
}

texts! { Opened Message TwoWay }

fn text(message: impl IntoPayload) -> Response {
    match message.into_payload() {
        Ok(payload) => Response {
            body: Body::Text(payload),
            ..Response::default()
        },
        Err(error) => IntoResponse::<Message>::into_response(Error::from(error)),
    }
}
