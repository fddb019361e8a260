//! The settings of a client, and its handshake.

use crate::console::reply::ConsoleError;
use http::header::{HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use serde::Deserialize;
use std::net::SocketAddr;
use tokio_tungstenite::Connector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;

/// The maximum length of a name, a query string and similar texts.
const LONGEST: usize = 16 * 1024;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Setup {
    pub(super) name: String,
    /// Without the question mark.
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) protocols: Vec<String>,
}

/// The address that it connects to.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    pub(crate) stage: String,
    pub(crate) connector: Option<Connector>,
}

impl Setup {
    pub(super) fn request(&self, place: &Place) -> Result<Request, ConsoleError> {
        let (address, stage) = (place.address, &place.stage);
        let scheme = if place.connector.is_some() {
            "wss"
        } else {
            "ws"
        };
        let parts = [&self.name, &self.query];
        if parts.iter().any(|part| part.len() > LONGEST) {
            return Err(ConsoleError::bad(
                "the name or the query string is too long: expected at most 16 KB",
            ));
        }
        let query = match self.query.trim_start_matches('?') {
            "" => String::new(),
            query => format!("?{query}"),
        };
        let url = format!("{scheme}://{address}/{stage}{query}");
        let request = url.into_client_request();
        let mut request =
            request.map_err(|error| ConsoleError::bad(format!("the URL: {error}")))?;
        let headers = request.headers_mut();
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static("lambda-ws-local console"),
        );
        for (name, value) in &self.headers {
            let name = name.trim();
            let parsed: Result<HeaderName, _> = name.parse();
            let parsed = parsed
                .map_err(|_| ConsoleError::bad(format!("`{name}` is not a valid header name")))?;
            let value = HeaderValue::from_str(value.trim());
            let value = value.map_err(|_| {
                ConsoleError::bad(format!("the value of {name} is not valid in a header"))
            })?;
            headers.append(parsed, value);
        }
        let protocols = self.protocols.join(", ");
        if !protocols.is_empty() {
            let value = HeaderValue::from_str(&protocols);
            let bad = || {
                ConsoleError::bad(format!(
                    "`{protocols}` is not a valid list of sub-protocols"
                ))
            };
            headers.insert(SEC_WEBSOCKET_PROTOCOL, value.map_err(|_| bad())?);
        }
        Ok(request)
    }
}
