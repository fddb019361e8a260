//! Extractors for `$connect`.

use super::FromEvent;
use crate::connection::Opening;
use crate::error::Error;
use crate::event::{Connect, Event};
use crate::response::Accept;
use http::HeaderMap;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use serde::de::DeserializeOwned;
use std::convert::Infallible;

/// The handshake's query string, read as a `T`. The client is refused with 400 if it is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromEvent<Connect, S> for Query<T> {
    type Rejection = Error;

    async fn from_event(event: &Event<Connect>, _: &S) -> Result<Self, Error> {
        let query = serde_urlencoded::from_str(&event.data.query);
        query.map(Self).map_err(|error| {
            let message = format!("the query string does not fit: {error}");
            Error::client("bad_query", message)
        })
    }
}

/// The sub-protocols the client offers, in its order of preference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protocols(pub Vec<String>);

impl Protocols {
    /// Accepts with the first of these protocols that the client offers.
    ///
    /// ```
    /// use lambda_ws::{Accept, Error, Protocols};
    /// use http::StatusCode;
    ///
    /// async fn connect(protocols: Protocols) -> Result<Accept, StatusCode> {
    ///     protocols.choose(&["chat.v2", "chat.v1"]).ok_or(StatusCode::BAD_REQUEST)
    /// }
    /// # let router: lambda_ws::Router = lambda_ws::Router::new().connect(connect);
    /// ```
    pub fn choose(&self, known: &[&str]) -> Option<Accept> {
        let offered = |protocol: &&&str| self.0.iter().any(|offered| offered == **protocol);
        let chosen = known.iter().find(offered)?;
        Some(Accept::new().protocol(chosen))
    }
}

impl<S: Sync> FromEvent<Connect, S> for Protocols {
    type Rejection = Infallible;

    async fn from_event(event: &Event<Connect>, _: &S) -> Result<Self, Infallible> {
        let headers = event.data.headers.get_all(SEC_WEBSOCKET_PROTOCOL);
        let lists = headers.iter().filter_map(|value| value.to_str().ok());
        let protocols = lists.flat_map(|list| list.split(',')).map(str::trim);
        let protocols = protocols.filter(|protocol| !protocol.is_empty());
        Ok(Self(protocols.map(str::to_owned).collect()))
    }
}

impl<S: Sync> FromEvent<Connect, S> for HeaderMap {
    type Rejection = Infallible;

    async fn from_event(event: &Event<Connect>, _: &S) -> Result<Self, Infallible> {
        Ok(event.data.headers.clone())
    }
}

impl<S: Sync> FromEvent<Connect, S> for Opening {
    type Rejection = Infallible;

    async fn from_event(event: &Event<Connect>, _: &S) -> Result<Self, Infallible> {
        let declared = event.data.declared.clone();
        Ok(Self::new(event.connection_id().clone(), declared))
    }
}
