//! The arguments of handlers.
//!
//! | extractor | kinds | note |
//! |---|---|---|
//! | [`Sender`](crate::Sender), [`Kv`](crate::Kv), [`State`], [`Extension`], [`Tickets`](crate::auth::Tickets) | all | |
//! | [`ConnectionId`](crate::ConnectionId), [`Context`](crate::Context) | all except `left` and `changed` | |
//! | [`Query`], [`HeaderMap`](http::HeaderMap), [`Protocols`] | the authorizer's, `$connect` | |
//! | [`Token`](crate::auth::Token), [`Cookies`](crate::auth::Cookies), [`Ticket`](crate::auth::Ticket), `Jwt` | the authorizer's, `$connect` | the client's identity: see [`auth`](crate::auth) |
//! | [`Opening`](crate::Opening) | `$connect` | |
//! | [`Authorizer`] | `$connect`, `opened`, messages, subscriptions, `$disconnect` | |
//! | [`Connection`](crate::Connection), [`Json`](crate::Json), `String`, `Bytes`, [`RouteKey`] | `opened` (only `Connection`), messages | |
//! | [`Subscribe`](crate::Subscribe) | subscriptions | the room, and the token of the client |
//! | [`Session`], [`User`], [`Rooms`] | `opened`, messages, subscriptions, `$disconnect` | the connection's record, read once per event |
//! | [`Close`] | `$disconnect` | |
//! | [`PresenceChange`](crate::PresenceChange) | `joined`, `left`, `changed` | the users and the room |
//! | [`PresenceData`](crate::PresenceData) | `joined`, `changed` | the users with their data |
//!
//! `Result<E, E::Rejection>` lets a handler respond to a failed extraction. `Option<E>` is `None` if the value is
//! missing.

mod authorizer;
mod connect;
mod disconnect;
mod every;
mod message;
mod presence;
mod raw;
mod record;
mod subscribe;
#[cfg(test)]
mod tests;
mod text;

pub use authorizer::Authorizer;
pub use connect::{Protocols, Query};
pub use disconnect::Close;
pub use every::{Extension, FromRef, State};
pub use message::RouteKey;
pub use raw::Raw;
pub use record::{Rooms, Session, User};

use crate::event::{Event, Kind};
use crate::response::IntoResponse;
use std::convert::Infallible;

/// An extractor: a value from an event of kind `K` and the router's state `S`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be extracted from a `{K}` event",
    label = "not an extractor for `{K}` events",
    note = "headers, the query string and tokens exist only in `Authorize` and `Connect`; `Opening` only in `Connect`; the body only in `Message`; `Connection` only in `Opened` and `Message`; `Session`, `User` and `Rooms` only in `Opened`, `Message`, `Subscribe` and `Disconnect`; the close code only in `Disconnect`; `PresenceChange` only in `Joined`, `Left` and `Changed`, which have neither `Connection` nor `User`; `PresenceData` only in `Joined` and `Changed`; `Trigger` events have no connection: their handlers take `Raw`, `Context`, `Sender`, `Kv`, `State` and `Extension`"
)]
pub trait FromEvent<K, S>: Sized {
    /// The response to the event if the extraction fails.
    type Rejection: IntoResponse<K>;

    /// Extracts the value.
    fn from_event(
        event: &Event<K>,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;
}

/// An extractor of an optional value: `Option<Self>` is `None` if it is missing. An extraction that fails still fails.
#[diagnostic::on_unimplemented(
    message = "`Option<{Self}>` cannot be extracted from a `{K}` event",
    label = "not an optional extractor for `{K}` events"
)]
pub trait OptionalFromEvent<K, S>: Sized {
    /// The response to the event if the extraction fails.
    type Rejection: IntoResponse<K>;

    /// Extracts the value, if it exists.
    fn from_event(
        event: &Event<K>,
        state: &S,
    ) -> impl Future<Output = Result<Option<Self>, Self::Rejection>> + Send;
}

impl<K: Kind, S: Sync, T: OptionalFromEvent<K, S>> FromEvent<K, S> for Option<T> {
    type Rejection = T::Rejection;

    async fn from_event(event: &Event<K>, state: &S) -> Result<Self, T::Rejection> {
        T::from_event(event, state).await
    }
}

impl<K: Kind, S: Sync, T: FromEvent<K, S>> FromEvent<K, S> for Result<T, T::Rejection> {
    type Rejection = Infallible;

    async fn from_event(event: &Event<K>, state: &S) -> Result<Self, Infallible> {
        Ok(T::from_event(event, state).await)
    }
}
