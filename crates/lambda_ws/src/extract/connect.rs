//! Extractors for handshakes: `$connect`, and the authorizer's event before it.

use super::FromEvent;
use crate::connection::Opening;
use crate::error::Error;
use crate::event::{Authorize, Connect, Event};
use crate::response::Accept;
use http::HeaderMap;
use lambda_ws_protocol::event::OfferedProtocols;
use serde::de::DeserializeOwned;
use std::convert::Infallible;

/// The handshake's query string, read as a `T`. A query that is not valid rejects the client with 400.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<T>(pub T);

/// The sub-protocols that the client offers, in its order of preference.
///
/// A client that offers sub-protocols closes the connection unless the response selects one of them (conformance B8):
/// return the [`Accept`] of [`Protocols::choose`]. A token that the client sends as a sub-protocol is not included:
/// see [`Token`](crate::auth::Token).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protocols(pub Vec<String>);

impl Protocols {
    /// Accepts with the first of these protocols that the client offers. Returns `None` if it offers none of them.
    /// Protocols are case-sensitive.
    ///
    /// A handler that requires a protocol rejects a client without a known one. A handler that does not require one
    /// uses [`Accept::default`] instead.
    ///
    /// ```
    /// use lambda_ws::{Accept, Protocols};
    /// use http::StatusCode;
    ///
    /// async fn strict(protocols: Protocols) -> Result<Accept, StatusCode> {
    ///     protocols.choose(&["chat.v2", "chat.v1"]).ok_or(StatusCode::BAD_REQUEST)
    /// }
    ///
    /// async fn lenient(protocols: Protocols) -> Accept {
    ///     protocols.choose(&["chat.v2", "chat.v1"]).unwrap_or_default()
    /// }
    /// # let router: lambda_ws::Router = lambda_ws::Router::new().connect(strict);
    /// # let router: lambda_ws::Router = lambda_ws::Router::new().connect(lenient);
    /// ```
    pub fn choose(&self, known: &[&str]) -> Option<Accept> {
        let offered = |protocol: &&&str| self.0.iter().any(|offered| offered == **protocol);
        let chosen = known.iter().find(offered)?;
        Some(Accept::new().protocol(chosen))
    }
}

/// Extractors for events of a handshake.
macro_rules! handshakes {
    ($($kind:ty)*) => { $(
        impl<S: Sync, T: DeserializeOwned> FromEvent<$kind, S> for Query<T> {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Error> {
                let query = serde_urlencoded::from_str(&event.data.query);
                query.map(Self).map_err(|error| {
                    let message = format!("the query string is not valid: {error}");
                    Error::client("bad_query", message)
                })
            }
        }

        impl<S: Sync> FromEvent<$kind, S> for Protocols {
            type Rejection = Infallible;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Infallible> {
                Ok(Self(OfferedProtocols::of(&event.data.headers).protocols))
            }
        }

        impl<S: Sync> FromEvent<$kind, S> for HeaderMap {
            type Rejection = Infallible;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Infallible> {
                Ok(event.data.headers.clone())
            }
        }
    )* };
}

handshakes! { Authorize Connect }

impl<S: Sync> FromEvent<Connect, S> for Opening {
    type Rejection = Infallible;

    async fn from_event(event: &Event<Connect>, _: &S) -> Result<Self, Infallible> {
        let effects = event.sender.effects().clone();
        Ok(Self::new(event.connection_id().clone(), effects))
    }
}
