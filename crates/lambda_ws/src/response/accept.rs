//! An accepted handshake.

use super::{IntoResponse, Response};
use crate::event::Connect;
use http::HeaderValue;
use http::header::SEC_WEBSOCKET_PROTOCOL;

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
