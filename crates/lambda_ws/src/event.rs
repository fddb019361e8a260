//! What happened to a connection.

use crate::ConnectionId;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::presence::PresenceChange;
use crate::sender::Sender;
use http::{Extensions, HeaderMap};
use std::fmt;
use std::sync::Arc;

/// A kind of event: [`Authorize`], [`Connect`], [`Opened`], [`Message`], [`Subscribe`], [`Disconnect`], [`Joined`] or
/// [`Left`]. What a handler may ask for depends on it, and the compiler knows.
pub trait Kind: sealed::Sealed + Send + Sync + 'static {}

mod sealed {
    pub trait Sealed {}
}

/// API Gateway asks whether a client may open a connection: the event of a Lambda REQUEST authorizer,
/// which comes before [`Connect`] (conformance B3, C4).
#[derive(Clone, Default)]
pub struct Authorize {
    /// The handshake's headers.
    pub headers: HeaderMap,
    /// The query string, percent-encoded, without `?`.
    pub query: String,
    /// What is asked for, as `arn:aws:execute-api:{region}:{account}:{api}/{stage}/$connect`.
    pub method_arn: String,
}

/// A client asks to open a connection (`$connect`, conformance C1).
#[derive(Clone, Default)]
pub struct Connect {
    /// The handshake's headers.
    pub headers: HeaderMap,
    /// The query string, percent-encoded, without `?`.
    pub query: String,
}

/// A client sent a message (conformance C2).
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The message. It is always text (conformance F1).
    pub body: String,
    /// The route it was found to be for, if API Gateway said `$default`.
    pub(crate) selected: Option<Arc<str>>,
}

/// A connection has been opened: what the function asks itself to do once `$connect` has returned, if its
/// router has an [`opened`](crate::Router::opened) handler.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Opened;

impl Opened {
    /// What is named as its route, since API Gateway has none for it.
    pub(crate) const ROUTE: &'static str = "$opened";
}

/// Users have joined a room, who were not there before: for routers with a
/// [`joined`](crate::Router::joined) handler.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Joined {
    /// The room and its users.
    pub presence: PresenceChange,
}

/// Users have left a room with all their connections: for routers with a [`left`](crate::Router::left)
/// handler.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Left {
    /// The room and its users.
    pub presence: PresenceChange,
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
pub struct Disconnect {
    /// The close code; 1005 if the client gave none, 1006 if it vanished.
    pub code: Option<u16>,
    /// The close reason.
    pub reason: Option<String>,
}

// Headers and queries carry tokens, which belong in no log.
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

kinds! { Authorize Connect Opened Message Subscribe Disconnect Joined Left }

/// One event of a connection.
///
/// It is what an extractor reads ([`FromEvent`](crate::FromEvent)).
#[derive(Debug)]
pub struct Event<K> {
    /// What the event says itself.
    pub data: K,
    /// What [layers](crate::Router::layer) added, for the extractor [`Extension`](crate::Extension).
    pub extensions: Extensions,
    pub(crate) context: Context,
    pub(crate) sender: Sender,
    pub(crate) record_cache: RecordCache,
}

impl<K> Event<K> {
    /// Which connection, which route, when, from where. Of [`Joined`] it is that of the event which brought
    /// it about; of [`Left`] only what is known of a connection that is gone: itself, since when, and its
    /// API and stage.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The connection.
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
    /// Joins the rest of an event with its data.
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

/// An event of any kind: what a [layer](crate::Router::layer) sees.
pub type AnyEvent = Event<EventData>;

/// The data of an event of any kind.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventData {
    /// API Gateway asks for authorization, before `$connect`.
    Authorize(Authorize),
    /// `$connect`.
    Connect(Connect),
    /// After `$connect`.
    Opened(Opened),
    /// A message.
    Message(Message),
    /// `$disconnect`.
    Disconnect(Disconnect),
    /// Users have joined a room.
    Joined(Joined),
    /// Users have left a room.
    Left(Left),
}
