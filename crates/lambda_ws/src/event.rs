//! The events of a connection.

mod raw;
mod source;

pub use source::EventSource;

use crate::ConnectionId;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::presence::PresenceChange;
use crate::sender::Sender;
use http::{Extensions, HeaderMap};
use std::fmt;
use std::sync::Arc;

/// A kind of event: [`Authorize`], [`Connect`], [`Opened`], [`Message`], [`Subscribe`], [`Disconnect`], [`Joined`],
/// [`Left`], [`Changed`] or [`Trigger`]. It determines the extractors that compile.
pub trait Kind: sealed::Sealed + Send + Sync + 'static {}

mod sealed {
    pub trait Sealed {}
}

/// The event of a Lambda REQUEST authorizer, which comes before [`Connect`] (conformance B3, C4).
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Authorize {
    /// The handshake's headers.
    pub headers: HeaderMap,
    /// The query string, percent-encoded, without `?`.
    pub query: String,
    /// The requested resource, as `arn:aws:execute-api:{region}:{account}:{api}/{stage}/$connect`.
    pub method_arn: String,
}

/// The event of a client that opens a connection (`$connect`, conformance C1).
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Connect {
    /// The handshake's headers.
    pub headers: HeaderMap,
    /// The query string, percent-encoded, without `?`.
    pub query: String,
}

/// A message from a client (conformance C2).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Message {
    /// The message. It is always text (conformance F1).
    pub body: String,
    /// The route that the router selected, if API Gateway selected `$default`.
    pub(crate) selected: Option<Arc<str>>,
}

/// An open connection. The function invokes itself with this event after `$connect`, if its router has an
/// [`opened`](crate::Router::opened) handler.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Opened;

impl Opened {
    /// The route name of this event. API Gateway has no route for it.
    pub(crate) const ROUTE: &'static str = "$opened";
}

/// Users who joined a room, for routers with a [`joined`](crate::Router::joined) handler.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Joined {
    /// The room and its users.
    pub presence: PresenceChange,
    /// The stored values of the users, if the router keeps data of users.
    pub(crate) values: Vec<Box<str>>,
}

/// Users who left a room with all their connections, for routers with a [`left`](crate::Router::left) handler.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Left {
    /// The room and its users.
    pub presence: PresenceChange,
}

/// Users in a room whose data has changed, for routers with a [`changed`](crate::Router::changed) handler.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Changed {
    /// The room and its users.
    pub presence: PresenceChange,
    pub(crate) values: Vec<Box<str>>,
}

/// An event that does not come from a connection: a schedule, a queue, a bucket, a direct invocation. For routers with
/// handlers of [`on`](crate::Router::on) or [`event`](crate::Router::event).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Trigger {
    /// The source; `None`, if it is not one that the library knows.
    pub source: Option<EventSource>,
}

impl Trigger {
    /// The name in place of a route key, in metrics.
    pub(crate) fn route(self) -> &'static str {
        self.source.map_or("$event", EventSource::route)
    }
}

/// A client asks to subscribe to a room: for [`Channels::authorize`](crate::Channels::authorize). It is an extractor
/// of its own event.
#[derive(Clone)]
#[non_exhaustive]
pub struct Subscribe {
    /// The name of the room.
    pub room: String,
    /// The token that the client sent, if any.
    pub token: Option<String>,
}

impl Subscribe {
    pub(crate) fn new(room: String, token: Option<String>) -> Self {
        Self { room, token }
    }
}

// Tokens belong in no log.
impl fmt::Debug for Subscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Subscribe");
        shown.field("room", &self.room);
        shown.finish_non_exhaustive()
    }
}

/// A connection ended (`$disconnect`, conformance C3).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Disconnect {
    /// The close code: 1005 if the client sent none, 1006 if it vanished.
    pub code: Option<u16>,
    /// The close reason.
    pub reason: Option<String>,
}

// Headers and queries contain tokens, which must not be logged.
impl fmt::Debug for Authorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Authorize");
        shown.field("headers", &Names(&self.headers));
        shown.field("method_arn", &self.method_arn);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Connect");
        shown.field("headers", &Names(&self.headers));
        shown.finish_non_exhaustive()
    }
}

/// The names of headers.
struct Names<'a>(&'a HeaderMap);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

macro_rules! kinds {
    ($($kind:ty)*) => { $(
        impl sealed::Sealed for $kind {}
        impl Kind for $kind {}
    )* };
}

kinds! { Authorize Connect Opened Message Subscribe Disconnect Joined Left Changed Trigger }

/// An event of a connection. Extractors read it ([`FromEvent`](crate::FromEvent)).
#[derive(Debug)]
pub struct Event<K> {
    /// The data of the event's kind.
    pub data: K,
    /// The extensions from [layers](crate::Router::layer), for the extractor [`Extension`](crate::Extension).
    pub extensions: Extensions,
    pub(crate) context: Context,
    pub(crate) sender: Sender,
    pub(crate) record_cache: RecordCache,
}

impl<K> Event<K> {
    /// Returns the connection, route, time and client address. The context of [`Joined`] is that of the event that
    /// caused it. The context of [`Left`] contains only the connection, its opening time, and its API and stage.
    /// The context of [`Changed`] contains only the API and the stage.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Returns the connection's id.
    pub fn connection_id(&self) -> &ConnectionId {
        self.context.connection_id()
    }

    /// Splits the event into its data and the rest.
    pub(crate) fn split(self) -> (K, Event<()>) {
        let Self {
            data,
            extensions,
            context,
            sender,
            record_cache,
        } = self;
        let rest = Event {
            data: (),
            extensions,
            context,
            sender,
            record_cache,
        };
        (data, rest)
    }
}

impl Event<()> {
    /// Adds data to the rest of an event.
    pub(crate) fn with<K>(self, data: K) -> Event<K> {
        Event {
            data,
            extensions: self.extensions,
            context: self.context,
            sender: self.sender,
            record_cache: self.record_cache,
        }
    }
}

/// An event of any kind, as [layers](crate::Router::layer) see it.
pub type AnyEvent = Event<EventData>;

/// The data of an event of any kind.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventData {
    /// An authorization request of API Gateway, before `$connect`.
    Authorize(Authorize),
    /// `$connect`.
    Connect(Connect),
    /// The connection is open, after `$connect`.
    Opened(Opened),
    /// A message.
    Message(Message),
    /// `$disconnect`.
    Disconnect(Disconnect),
    /// Users joined a room.
    Joined(Joined),
    /// Users left a room.
    Left(Left),
    /// The data of users in a room has changed.
    Changed(Changed),
    /// An event that does not come from a connection.
    Trigger(Trigger),
}
