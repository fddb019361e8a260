//! Limits of what one client may use.

mod bucket;
mod client;
mod connections;
mod limiter;
mod rate;
mod scope;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use limiter::Limiter;
pub use rate::Rate;

use crate::context::Context;
use crate::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The longest time for which a message may be delayed. Lambda bills it.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

type Hook = dyn Fn(&Limited) -> Reaction + Send + Sync;

/// Limits of what one client may use: messages, bytes, connections and handshakes. They protect an application against
/// abuse, and its owner against the costs. [`Router::client_limits`](crate::Router::client_limits) turns them on.
///
/// ```
/// use lambda_ws::{ClientLimits, Rate, Router};
///
/// let limits = ClientLimits::new()
///     .messages_per_connection(Rate::per_second(10).burst(20))
///     .connections_per_user(5)
///     .handshakes_per_address(Rate::per_minute(60));
/// let router: Router = Router::new().fallback(async || "hello").client_limits(limits);
/// ```
///
/// [The chapter](crate::guide::client_limits) states the bounds, the costs, and what a limit can save.
#[derive(Clone, Default)]
#[must_use = "limits do nothing until `Router::client_limits` adds them"]
pub struct ClientLimits {
    connection_messages: Option<Rate>,
    connection_bytes: Option<Rate>,
    user_messages: Option<Rate>,
    user_bytes: Option<Rate>,
    handshakes: Option<Rate>,
    connections: Option<usize>,
    delay: Duration,
    reaction: Reaction,
    hook: Option<Arc<Hook>>,
}

impl ClientLimits {
    /// Creates limits that limit nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the messages of each connection.
    pub fn messages_per_connection(mut self, rate: Rate) -> Self {
        self.connection_messages = Some(rate);
        self
    }

    /// Limits the bytes in the messages of each connection. A message that is larger than the burst is allowed after a
    /// pause, and counts completely.
    pub fn bytes_per_connection(mut self, rate: Rate) -> Self {
        self.connection_bytes = Some(rate);
        self
    }

    /// Limits the messages of all connections of a [user](crate::Opening::user) together. Connections without a user are
    /// not limited by it. It costs one consistent read for each connection and process.
    pub fn messages_per_user(mut self, rate: Rate) -> Self {
        self.user_messages = Some(rate);
        self
    }

    /// Limits the bytes in the messages of all connections of a user together, at the cost of
    /// [`messages_per_user`](Self::messages_per_user). The cost occurs once for both.
    pub fn bytes_per_user(mut self, rate: Rate) -> Self {
        self.user_bytes = Some(rate);
        self
    }

    /// Limits the handshakes of each client address. A further handshake is rejected with status 429, or 403 if the
    /// function is also the API's authorizer. IPv6 addresses with the same first 64 bits count as one, because a client
    /// can choose the rest.
    ///
    /// The limit is exact in all processes together. Each allowed handshake costs a read and a write.
    pub fn handshakes_per_address(mut self, rate: Rate) -> Self {
        self.handshakes = Some(rate.exact());
        self
    }

    /// Limits the open connections of a [user](crate::Opening::user). A further handshake is rejected with status 429.
    ///
    /// The limit is exact. Each handshake of a user costs two queries. Handshakes that run at the same time may reject
    /// each other.
    ///
    /// # Panics
    ///
    /// If the number is 0.
    #[track_caller]
    pub fn connections_per_user(mut self, number: usize) -> Self {
        assert!(
            number > 0,
            "0 connections per user are not valid: expected at least 1"
        );
        self.connections = Some(number);
        self
    }

    /// Delays messages that are over a limit for up to this time, before the [reaction](Self::reaction). Each client can
    /// have at most `rate * time` delayed messages.
    ///
    /// A delayed message occupies an execution environment, and Lambda bills its time. So a client can occupy as many
    /// environments as it can have delayed messages.
    ///
    /// # Panics
    ///
    /// If it is over 5 s.
    #[track_caller]
    pub fn delay(mut self, longest: Duration) -> Self {
        assert!(
            longest <= LONGEST_DELAY,
            "the delay {longest:?} is too long: expected at most {LONGEST_DELAY:?}"
        );
        self.delay = longest;
        self
    }

    /// Sets the reaction to a message that is over a limit. The default is [`Reaction::Error`].
    pub fn reaction(mut self, reaction: Reaction) -> Self {
        self.reaction = reaction;
        self
    }

    /// Calls `hook` for each message and each handshake that is over a limit, and does what it returns. The reaction to a
    /// handshake is always a rejection.
    ///
    /// ```
    /// use lambda_ws::{ClientLimits, LimitScope, Limited, Rate, Reaction};
    ///
    /// let limits = ClientLimits::new()
    ///     .messages_per_connection(Rate::per_second(10))
    ///     .messages_per_user(Rate::per_second(20))
    ///     .on_limit(|limited: &Limited| match limited.scope() {
    ///         LimitScope::User => Reaction::Disconnect,
    ///         _ => Reaction::Error,
    ///     });
    /// ```
    pub fn on_limit(mut self, hook: impl Fn(&Limited) -> Reaction + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }
}

impl fmt::Debug for ClientLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientLimits").finish_non_exhaustive()
    }
}

/// What happens to a message that is over a limit. Its handler does not run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reaction {
    /// The client gets an error with the code `too_many_requests`. The member `retry` is the time in ms after which it
    /// may send again. Each process sends at most one per second to a connection, because each costs a message.
    #[default]
    Error,
    /// The connection is closed. Clients of [lossless rooms](crate::Channels) get a [`Bye`](crate::Bye) with the code
    /// `too_many_requests` and a time to connect again.
    Disconnect,
}

/// Who is over a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitScope {
    /// A connection.
    Connection,
    /// A user, with all connections.
    User,
    /// A client address.
    Address,
}

/// What a client has used too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitedResource {
    /// Messages.
    Messages,
    /// Bytes in messages.
    Bytes,
    /// Open connections.
    Connections,
    /// Handshakes.
    Handshakes,
}

/// A message or a handshake that is over a limit.
#[derive(Debug, Clone)]
pub struct Limited {
    scope: LimitScope,
    resource: LimitedResource,
    retry_after: Duration,
    context: Context,
}

impl Limited {
    /// Returns who is over a limit.
    pub fn scope(&self) -> LimitScope {
        self.scope
    }

    /// Returns what the client has used too much of.
    pub fn resource(&self) -> LimitedResource {
        self.resource
    }

    /// Returns the time after which the client may try again; zero for [`LimitedResource::Connections`], because it
    /// depends on the client.
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }

    /// Returns the connection, route, time and client address.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Returns the time in ms after which a client may try again, if an error is that of a limit.
    pub(crate) fn retry(error: &Error) -> Option<u64> {
        let limited: &Self = error.source()?.downcast_ref()?;
        Some(limited.retry_after.as_millis() as u64)
    }
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, whose) = match (self.resource, self.scope) {
            (LimitedResource::Messages, _) => ("messages", "sent"),
            (LimitedResource::Bytes, _) => ("bytes", "sent"),
            (LimitedResource::Connections, _) => ("connections", "opened"),
            (LimitedResource::Handshakes, _) => ("connections", "opened"),
        };
        write!(f, "too many {what} are {whose}")?;
        match self.retry_after.as_millis() {
            0 => Ok(()),
            millis => write!(f, ": try again in {millis} ms"),
        }
    }
}

impl std::error::Error for Limited {}
