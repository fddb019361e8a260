//! The sub-protocol that answers an offer.

use crate::response::Response;
use http::HeaderValue;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use lambda_ws_protocol::event::{BEARER, OfferedProtocols};
use tracing::warn;

/// Sees to it that a client gets the answer it expects to the sub-protocols it offers, or that it is
/// logged why it will close the connection (conformance B8).
pub(super) fn choose(response: &mut Response, offer: &OfferedProtocols) {
    // What is offered is not logged: some clients bring a token as if it were a protocol.
    let chosen = response.headers.get(SEC_WEBSOCKET_PROTOCOL);
    let known = |name: &str| offer.protocols.iter().any(|p| p == name);
    match chosen.map(|chosen| chosen.to_str().unwrap_or_default()) {
        Some(BEARER) if offer.token.is_some() => {}
        Some(chosen) if known(chosen) => {}
        Some(chosen) => warn!(
            chosen,
            offered = offer.protocols.len(),
            "the client did not offer the sub-protocol it gets: browsers close such a connection"
        ),
        None if offer.token.is_some() => {
            let bearer = HeaderValue::from_static(BEARER);
            response.headers.insert(SEC_WEBSOCKET_PROTOCOL, bearer);
        }
        None if offer.protocols.is_empty() => {}
        None => warn!(
            offered = offer.protocols.len(),
            "the client offers sub-protocols and gets none: browsers close such a connection; \
             return what `Protocols::choose` makes of them"
        ),
    }
}
