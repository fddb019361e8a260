//! Extractors for messages.

use super::FromEvent;
use crate::Json;
use crate::connection::Connection;
use crate::error::Error;
use crate::event::{Event, Message, Opened};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::convert::Infallible;

/// The key of the route the message came by: the one that was selected in the program, if API Gateway
/// said `$default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteKey(pub String);

impl Event<Message> {
    /// The key of the route the message came by.
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
                    format!("the message does not fit `{route}`: {error}"),
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

/// Extractors for the kinds of events whose connection is open.
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
