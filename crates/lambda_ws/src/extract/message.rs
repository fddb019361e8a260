//! Extractors for messages.

use super::FromEvent;
use crate::Json;
use crate::connection::Connection;
use crate::error::Error;
use crate::event::{Event, Message, Opened};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::convert::Infallible;

/// The route key of the message. If API Gateway selected `$default`, it is the route that the router selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteKey(pub String);

impl Event<Message> {
    /// Returns the route key of the message.
    pub fn route_key(&self) -> &str {
        let selected = self.data.selected.as_deref();
        selected.unwrap_or(self.context.route_key())
    }
}

impl<S: Sync> FromEvent<Message, S> for RouteKey {
    type Rejection = Infallible;

    async fn from_event(event: &Event<Message>, _: &S) -> Result<Self, Infallible> {
        Ok(Self(event.route_key().to_owned()))
    }
}

impl<S: Sync, T: DeserializeOwned> FromEvent<Message, S> for Json<T> {
    type Rejection = Error;

    async fn from_event(event: &Event<Message>, _: &S) -> Result<Self, Error> {
        serde_json::from_str(&event.data.body)
            .map(Json)
            .map_err(|error| {
                let route = event.route_key();
                Error::client(
                    "bad_message",
                    format!("the message is not valid for the route `{route}`: {error}"),
                )
            })
    }
}

impl<S: Sync> FromEvent<Message, S> for String {
    type Rejection = Infallible;

    async fn from_event(event: &Event<Message>, _: &S) -> Result<Self, Infallible> {
        Ok(event.data.body.clone())
    }
}

impl<S: Sync> FromEvent<Message, S> for Bytes {
    type Rejection = Infallible;

    async fn from_event(event: &Event<Message>, _: &S) -> Result<Self, Infallible> {
        Ok(Bytes::copy_from_slice(event.data.body.as_bytes()))
    }
}

/// Extractors for events of an open connection.
macro_rules! open {
    ($($kind:ty)*) => { $(
        impl<S: Sync> FromEvent<$kind, S> for Connection {
            type Rejection = Infallible;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Infallible> {
                Ok(Self::new(
                    event.connection_id().clone(),
                    event.context.connected_at(),
                    event.sender.clone(),
                    event.record_cache.clone(),
                ))
            }
        }
    )* };
}

open! { Opened Message }
