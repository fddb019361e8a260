//! What handlers return.

use crate::Json;
use crate::error::Error;
use crate::event::{Authorize, Connect, Disconnect, Joined, Left, Message, Opened, Subscribe};
use crate::payload::{IntoPayload, Payload};
use crate::policy::Policy;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::convert::Infallible;

/// The response to an event.
///
/// The text of the response to a message goes to its sender: by PostToConnection, or as the body of a
/// two-way route's response (conformance E2).
#[derive(Debug)]
pub struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// Whether API Gateway itself sends the body: the route is two-way.
    pub(crate) two_way: bool,
}

/// What the client is told.
#[derive(Debug, Default)]
pub(crate) enum Body {
    #[default]
    Nothing,
    Text(Payload),
    Policy(Box<Policy>),
    Failure(Error),
}

impl Response {
    /// A response of nothing but a status.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Body::Nothing,
            two_way: false,
        }
    }

    /// The status: on `$connect` anything but 2xx refuses the client (conformance B4).
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers: only `Sec-WebSocket-Protocol` counts (conformance B6).
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// The error, if the handler failed.
    pub fn error(&self) -> Option<&Error> {
        match &self.body {
            Body::Failure(error) => Some(error),
            Body::Nothing | Body::Text(_) | Body::Policy(_) => None,
        }
    }
}

impl Default for Response {
    fn default() -> Self {
        Self::new(StatusCode::OK)
    }
}

/// What a handler may return to events of kind `K`.
///
/// | kind | |
/// |---|---|
/// | `Authorize` | [`Policy`] |
/// | `Connect` | `()`, [`Accept`], [`StatusCode`] |
/// | `Opened` | `()`, text, [`Json`], `Option` of those: the new client gets it |
/// | `Message` | `()`, text, [`Json`], `Option` of those: the sender gets it |
/// | a two-way route | text, [`Json`] |
/// | `Subscribe`, `Disconnect`, `Joined`, `Left` | `()` |
///
/// All may return a `Result` with an [`Error`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned from a `{K}` handler",
    label = "no response to a `{K}` event",
    note = "`Authorize` handlers return `Policy`; `Connect` handlers `()`, `Accept` or `StatusCode`; `Opened` and `Message` handlers `()`, text, `Json` or an `Option` of those; `TwoWay` handlers text or `Json`; `Subscribe`, `Disconnect`, `Joined` and `Left` handlers `()`; all may return a `Result` of those and `Error`"
)]
pub trait IntoResponse<K> {
    /// Makes the response.
    fn into_response(self) -> Response;
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

/// Nothing to say, wherever nothing may be said.
macro_rules! nothing {
    ($($kind:ty)*) => { $(
        impl IntoResponse<$kind> for () {
            fn into_response(self) -> Response {
                Response::default()
            }
        }
    )* };
}

nothing! { Connect Opened Message Subscribe Disconnect Joined Left }

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

/// Accepts a client, perhaps with one of the sub-protocols it offers.
///
/// A client that offers sub-protocols closes the connection if none is chosen (conformance B8).
#[derive(Debug, Clone, Default)]
pub struct Accept {
    protocol: Option<HeaderValue>,
}

impl Accept {
    /// Accepts the client without a sub-protocol.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses a sub-protocol. One that is no valid header value is as good as none.
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

/// Something to say or nothing, wherever both are possible.
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

/// What stands for a message that is sent to the client.
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
