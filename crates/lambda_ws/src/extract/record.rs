//! Extractors for what is known of a connection: of its record, which an event reads once.

use super::{FromEvent, OptionalFromEvent};
use crate::error::Error;
use crate::event::{Disconnect, Event, Kind, Message};
use crate::store::{Record, StoreError};
use serde::de::DeserializeOwned;

/// The session that [`Opening::save`](crate::Opening::save) or
/// [`Connection::save`](crate::Connection::save) stored.
///
/// A connection without one, and a `$disconnect` of a connection that was never registered, fail;
/// with `Option<Session<T>>` they are `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Session<T>(pub T);

/// The user that [`Opening::user`](crate::Opening::user) named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User(pub String);

/// The rooms the connection is in, or was in when it ended, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rooms(pub Vec<String>);

/// A kind of event whose connection has a record.
trait Registered: Kind {}

impl Registered for Message {}
impl Registered for Disconnect {}

async fn record<K: Registered>(event: &Event<K>) -> Result<Option<Record>, StoreError> {
    let (id, at) = (event.connection_id(), event.context.connected_at());
    event.known.record(&event.sender, id, at).await
}

fn missing(what: &str) -> Error {
    format!("the connection has no {what}").into()
}

impl<K: Registered, S: Sync, T: DeserializeOwned> FromEvent<K, S> for Session<T> {
    type Rejection = Error;

    async fn from_event(event: &Event<K>, state: &S) -> Result<Self, Error> {
        let found = <Self as OptionalFromEvent<K, S>>::from_event(event, state).await?;
        found.ok_or_else(|| missing("session"))
    }
}

impl<K: Registered, S: Sync, T: DeserializeOwned> OptionalFromEvent<K, S> for Session<T> {
    type Rejection = Error;

    async fn from_event(event: &Event<K>, _: &S) -> Result<Option<Self>, Error> {
        match record(event).await? {
            Some(record) => Ok(record.session()?.map(Self)),
            None => Ok(None),
        }
    }
}

impl<K: Registered, S: Sync> FromEvent<K, S> for User {
    type Rejection = Error;

    async fn from_event(event: &Event<K>, state: &S) -> Result<Self, Error> {
        let found = <Self as OptionalFromEvent<K, S>>::from_event(event, state).await?;
        found.ok_or_else(|| missing("user"))
    }
}

impl<K: Registered, S: Sync> OptionalFromEvent<K, S> for User {
    type Rejection = Error;

    async fn from_event(event: &Event<K>, _: &S) -> Result<Option<Self>, Error> {
        Ok(record(event)
            .await?
            .and_then(|record| record.user)
            .map(Self))
    }
}

impl<K: Registered, S: Sync> FromEvent<K, S> for Rooms {
    type Rejection = Error;

    async fn from_event(event: &Event<K>, _: &S) -> Result<Self, Error> {
        let rooms = record(event).await?.map(|record| record.rooms);
        Ok(Self(rooms.into_iter().flatten().collect()))
    }
}
