//! Extractors for events of every kind, or nearly every kind.

use super::{FromEvent, OptionalFromEvent};
use crate::ConnectionId;
use crate::context::Context;
use crate::error::Error;
use crate::event::{
    Authorize, Connect, Disconnect, Event, Joined, Kind, Message, Opened, Subscribe, Trigger,
};
use crate::sender::Sender;
use std::convert::Infallible;

/// The router's state, or a part of it ([`FromRef`]).
#[derive(Debug, Clone, Copy, Default)]
pub struct State<T>(pub T);

/// A part of a router's state.
pub trait FromRef<S> {
    /// Returns the part of a state.
    fn from_ref(state: &S) -> Self;
}

impl<S: Clone> FromRef<S> for S {
    fn from_ref(state: &S) -> Self {
        state.clone()
    }
}

impl<K: Kind, S: Sync, T: FromRef<S>> FromEvent<K, S> for State<T> {
    type Rejection = Infallible;

    async fn from_event(_: &Event<K>, state: &S) -> Result<Self, Infallible> {
        Ok(Self(T::from_ref(state)))
    }
}

/// A value that a layer added to the event's extensions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extension<T>(pub T);

impl<K: Kind, S: Sync, T: Clone + Send + Sync + 'static> FromEvent<K, S> for Extension<T> {
    type Rejection = Error;

    async fn from_event(event: &Event<K>, _: &S) -> Result<Self, Error> {
        let found = event.extensions.get::<T>().cloned().map(Self);
        found.ok_or_else(|| {
            let missing = std::any::type_name::<T>();
            format!("no layer added an extension of type `{missing}`").into()
        })
    }
}

impl<K: Kind, S: Sync, T: Clone + Send + Sync + 'static> OptionalFromEvent<K, S> for Extension<T> {
    type Rejection = Infallible;

    async fn from_event(event: &Event<K>, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(event.extensions.get::<T>().cloned().map(Self))
    }
}

/// Extractors for events with a connection and an event of API Gateway.
macro_rules! connected {
    ($($kind:ty)*) => { $(
        impl<S: Sync> FromEvent<$kind, S> for ConnectionId {
            type Rejection = Infallible;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Infallible> {
                Ok(event.connection_id().clone())
            }
        }

        impl<S: Sync> FromEvent<$kind, S> for Context {
            type Rejection = Infallible;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Infallible> {
                Ok(event.context.clone())
            }
        }
    )* };
}

connected! { Authorize Connect Opened Message Subscribe Disconnect Joined }

impl<S: Sync> FromEvent<Trigger, S> for Context {
    type Rejection = Infallible;

    async fn from_event(event: &Event<Trigger>, _: &S) -> Result<Self, Infallible> {
        Ok(event.context.clone())
    }
}

impl<K: Kind, S: Sync> FromEvent<K, S> for Sender {
    type Rejection = Infallible;

    async fn from_event(event: &Event<K>, _: &S) -> Result<Self, Infallible> {
        Ok(event.sender.clone())
    }
}
