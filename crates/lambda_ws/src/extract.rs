//! What handlers ask for.
//!
//! | extractor | kinds | |
//! |---|---|---|
//! | [`Sender`](crate::Sender), [`Kv`](crate::Kv), [`State`], [`Extension`], [`Tickets`](crate::auth::Tickets) | all | |
//! | [`ConnectionId`](crate::ConnectionId), [`Context`](crate::Context) | all but `left` | |
//! | [`Query`], [`HeaderMap`](http::HeaderMap), [`Protocols`] | the authorizer's, `$connect` | |
//! | [`Token`](crate::auth::Token), [`Cookies`](crate::auth::Cookies), [`Ticket`](crate::auth::Ticket), `Jwt` | the authorizer's, `$connect` | who the client is: see [`auth`](crate::auth) |
//! | [`Opening`](crate::Opening) | `$connect` | |
//! | [`Authorizer`] | all of a connection but the authorizer's own | |
//! | [`Connection`](crate::Connection), [`Json`](crate::Json), `String`, `Bytes`, [`RouteKey`] | messages | |
//! | [`Subscribe`](crate::Subscribe) | subscriptions | the room, and the token of the client |
//! | [`Session`], [`User`], [`Rooms`] | messages, subscriptions, `$disconnect` | the connection's record, read once |
//! | [`Close`] | `$disconnect` | |
//! | [`PresenceChange`](crate::PresenceChange) | `joined`, `left` | who, and in which room |
//!
//! `Result<E, E::Rejection>` lets a handler answer a failed extraction itself; `Option<E>` is `None`
//! where there is nothing to extract.

mod authorizer;
mod connect;
mod disconnect;
mod every;
mod message;
mod presence;
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
pub use record::{Rooms, Session, User};

use crate::event::{Event, Kind};
use crate::response::IntoResponse;
use std::convert::Infallible;

/// An extractor: what can be made from an event of kind `K` and the router's state `S`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be extracted from a `{K}` event",
    label = "not an extractor for `{K}` events",
    note = "headers, the query string and tokens exist only in `Authorize` and `Connect`; `Opening` only in `Connect`; the body only in `Message`; `Connection` only in `Opened` and `Message`; `Session`, `User` and `Rooms` only in `Opened`, `Message`, `Subscribe` and `Disconnect`; the close code only in `Disconnect`; `PresenceChange` only in `Joined` and `Left`, which have neither `Connection` nor `User`"
)]
pub trait FromEvent<K, S>: Sized {
    /// What answers the event if it cannot be extracted.
    type Rejection: IntoResponse<K>;

    /// Extracts it.
    fn from_event(
        event: &Event<K>,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;
}

/// An extractor for what may not be there: then `Option<Self>` is `None`. A failure stays one.
#[diagnostic::on_unimplemented(
    message = "`Option<{Self}>` cannot be extracted from a `{K}` event",
    label = "not an optional extractor for `{K}` events"
)]
pub trait OptionalFromEvent<K, S>: Sized {
    /// What answers the event if the extraction fails.
    type Rejection: IntoResponse<K>;

    /// Extracts it, if it is there.
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
