//! Serverless websockets.

mod app;
mod connection;
mod error;
mod event;
pub mod extract;
mod handler;
mod id;
mod json;
pub mod limits;
mod payload;
#[cfg(doctest)]
mod readme;
mod response;
mod router;
pub mod selection;
mod send_error;
mod sender;
pub mod store;
pub mod testing;
mod timestamp;
pub mod transport;
pub mod wire;

pub use app::{App, run};
pub use connection::{Connection, Opening};
pub use error::{BoxError, Error};
pub use event::{AnyEvent, Connect, Context, Disconnect, Event, Kind, Message};
pub use extract::{
    Authorizer, Close, Extension, FromEvent, FromRef, OptionalFromEvent, Protocols, Query, Rooms,
    RouteKey, Session, State, User,
};
pub use handler::Handler;
pub use id::ConnectionId;
pub use json::Json;
pub use payload::{IntoPayload, Payload};
pub use response::{Accept, IntoResponse, Response, TwoWay};
pub use router::Router;
pub use send_error::SendError;
pub use sender::{Audience, Delivery, Sender};
pub use timestamp::Timestamp;
