//! Extractors from a connection's record, which an event reads once.

use super::{FromEvent, OptionalFromEvent};
use crate::error::Error;
use crate::event::{Disconnect, Event, Kind, Message, Opened, Subscribe};
use crate::store::{Record, StoreError};
use serde::de::DeserializeOwned;

/// The session that [`Opening::save`](crate::Opening::save) or
/// [`Connection::save`](crate::Connection::save) stored.
///
/// The extraction fails without a session, and in the `$disconnect` of a connection that was never registered.
/// `Option<Session<T>>` is then `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Session<T>(pub T);

/// The user that [`Opening::user`](crate::Opening::user) set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User(pub String);

/// The rooms of the connection, or its rooms when it ended, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rooms(pub Vec<String>);

async fn record<K: Kind>(event: &Event<K>) -> Result<Option<Record>, StoreError> {
    let (id, at) = (event.connection_id(), event.context.connected_at());
    event.record_cache.read(&event.sender, id, at).await
}

fn present<T>(found: Option<T>, what: &str) -> Result<T, Error> {
    found.ok_or_else(|| format!("the connection has no {what}").into())
}

/// Extractors for events of a registered connection.
macro_rules! registered {
    ($($kind:ty)*) => { $(
        impl<S: Sync, T: DeserializeOwned> FromEvent<$kind, S> for Session<T> {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, state: &S) -> Result<Self, Error> {
                let found = <Self as OptionalFromEvent<$kind, S>>::from_event(event, state);
                present(found.await?, "session")
            }
        }

        impl<S: Sync, T: DeserializeOwned> OptionalFromEvent<$kind, S> for Session<T> {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Option<Self>, Error> {
                match record(event).await? {
                    Some(record) => Ok(record.session()?.map(Self)),
                    None => Ok(None),
                }
            }
        }

        impl<S: Sync> FromEvent<$kind, S> for User {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, state: &S) -> Result<Self, Error> {
                let found = <Self as OptionalFromEvent<$kind, S>>::from_event(event, state);
                present(found.await?, "user")
            }
        }

        impl<S: Sync> OptionalFromEvent<$kind, S> for User {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Option<Self>, Error> {
                Ok(record(event).await?.and_then(|record| record.user).map(Self))
            }
        }

        impl<S: Sync> FromEvent<$kind, S> for Rooms {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Error> {
                let rooms = record(event).await?.map(|record| record.rooms);
                Ok(Self(rooms.into_iter().flatten().collect()))
            }
        }
    )* };
}

registered! { Opened Message Subscribe Disconnect }
