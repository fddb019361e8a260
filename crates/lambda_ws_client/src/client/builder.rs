//! Builders of clients, rooms and requests.

use super::{Client, Command, Handle, TokenCallback, check_reserved, run};
use crate::error::{BoxError, Error};
use crate::machine::{Call, QueueDrops, Settings, Token};
use crate::protocol::{Position, check_length};
use crate::subscription::Subscription;
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The URL and the headers of one attempt to connect.
#[derive(Debug, Clone)]
pub struct Handshake {
    pub(crate) url: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) protocols: Vec<String>,
}

impl Handshake {
    /// Returns a handshake with a URL, `ws://` or `wss://`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: Vec::new(),
            protocols: Vec::new(),
        }
    }

    /// Adds a header, such as `Authorization`.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Offers a subprotocol.
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocols.push(protocol.into());
        self
    }
}

/// The callback that returns the handshake of an attempt.
pub(crate) type HandshakeCallback =
    Arc<dyn Fn() -> BoxFuture<'static, Result<Handshake, BoxError>> + Send + Sync>;

/// The settings of a [`Client`].
#[must_use = "a builder does nothing until `connect`"]
pub struct Builder {
    handshake: HandshakeCallback,
    settings: Settings,
}

impl Builder {
    pub(super) fn new(url: String) -> Self {
        let handshake = Handshake::new(url);
        let builder = Self {
            handshake: Arc::new(|| Box::pin(async { Ok(Handshake::new("")) })),
            settings: Settings {
                min_backoff: 500,
                max_backoff: 30_000,
                keep_alive: 240_000,
                connect_timeout: 30_000,
                max_age: 6_600_000,
                queue_size: 100,
                queue_drops: QueueDrops::default(),
            },
        };
        builder.handshake(move || std::future::ready(Ok(handshake.clone())))
    }

    /// Calls `callback` before each attempt, for a new ticket or token in the URL or in a header. It replaces the
    /// builder's URL. An attempt fails if the callback fails or takes longer than the
    /// [timeout](Self::connect_timeout).
    pub fn handshake<F, R>(mut self, callback: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<Handshake, BoxError>> + Send + 'static,
    {
        self.handshake = Arc::new(move || Box::pin(callback()));
        self
    }

    /// Sets the bounds of the random time before an attempt: `min` for the first one, doubled up to `max`. The defaults
    /// are 0.5 s and 30 s.
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        self.settings.min_backoff = millis(min);
        self.settings.max_backoff = millis(max);
        self
    }

    /// Sets the time between two pings with all positions: 4 minutes by default. API Gateway closes a connection that is
    /// idle for 10 minutes.
    pub fn keep_alive(mut self, time: Duration) -> Self {
        self.settings.keep_alive = millis(time).max(1_000);
        self
    }

    /// Sets the time after which an attempt or a callback has failed: 30 s by default.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.settings.connect_timeout = millis(time).max(1);
        self
    }

    /// Sets the latest time at which a connection is replaced: 1 h 50 min by default. It is up to 10 % earlier. API
    /// Gateway closes connections after 2 hours.
    pub fn max_age(mut self, time: Duration) -> Self {
        self.settings.max_age = millis(time).max(1_000);
        self
    }

    /// Sets how many messages wait while no connection is open, 100 by default, and which one fails if there are more.
    pub fn queue(mut self, size: usize, drops: QueueDrops) -> Self {
        self.settings.queue_size = size;
        self.settings.queue_drops = drops;
        self
    }

    /// Connects. It must be called in a tokio runtime.
    pub fn connect(self) -> Client {
        run::start(self.handshake, self.settings)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 4)
}

/// The settings of a [`Subscription`].
#[must_use = "a room is not joined until `subscribe`"]
pub struct RoomBuilder {
    client: Handle,
    name: String,
    since: Option<Position>,
    token: Token,
    callback: Option<TokenCallback>,
}

impl RoomBuilder {
    pub(super) fn new(client: Handle, name: String) -> Self {
        Self {
            client,
            name,
            since: None,
            token: Token::None,
            callback: None,
        }
    }

    /// Continues after a position that the application has stored. Without it, only new messages arrive.
    pub fn since(mut self, position: Position) -> Self {
        self.since = Some(position);
        self
    }

    /// Presents a room token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Token::Fixed(token.into());
        self
    }

    /// Calls `callback` for a room token before each `$subscribe`.
    pub fn token_from<F, R>(mut self, callback: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, BoxError>> + Send + 'static,
    {
        self.token = Token::Asked;
        self.callback = Some(Arc::new(move || Box::pin(callback())));
        self
    }

    /// Joins the room. A second subscription of the same room ends at once with the error `taken`.
    pub fn subscribe(self) -> Subscription {
        let key = self.client.key();
        let (subscription, feed) =
            Subscription::new(&self.name, self.since.clone(), key, self.client.clone());
        let command = Command::Subscribe {
            key,
            name: self.name,
            since: self.since,
            token: self.token,
            callback: self.callback,
            feed,
        };
        // The feed of a closed client is dropped, which ends the subscription.
        if let Err(error) = self.client.commands.send(command)
            && let Command::Subscribe { feed, .. } = error.0
        {
            feed.end(Some(Error::closed()));
        }
        subscription
    }
}

impl fmt::Debug for RoomBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomBuilder")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A message that its handler answers.
#[derive(Debug)]
#[must_use = "a request is not sent until `send`"]
pub struct RequestBuilder {
    client: Handle,
    message: Result<Value, serde_json::Error>,
    timeout: Duration,
    safe: bool,
}

impl RequestBuilder {
    pub(super) fn new(client: Handle, message: Result<Value, serde_json::Error>) -> Self {
        Self {
            client,
            message,
            timeout: Duration::from_secs(10),
            safe: false,
        }
    }

    /// Sets the deadline: 10 s by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Declares that the handler may run twice. The request is then sent again after a reconnect.
    pub fn safe(mut self) -> Self {
        self.safe = true;
        self
    }

    /// Sends the message and waits for the return value of its handler.
    ///
    /// # Errors
    ///
    /// The handler's error with its code, `timeout`, `lost`, `encode`, `decode`, `too_long`, `queue_full`, `closed`.
    pub async fn send<T: DeserializeOwned>(self) -> Result<T, Error> {
        let message = self.message.map_err(|error| {
            Error::new("encode", "the message cannot be written as JSON").with_source(error)
        })?;
        if !message.is_object() {
            let text = "the message of a request is not valid: expected an object";
            return Err(Error::new("encode", text));
        }
        check_reserved(&message)?;
        check_length(&message.to_string())?;
        let mut call = Call::new(self.client.key(), String::new());
        call.timeout = Some(millis(self.timeout));
        call.safe = self.safe;
        let reply = self.client.call(call, Some(message)).await?;
        serde_json::from_value(reply).map_err(|error| {
            let text = format!("the reply is not of the expected type: {error}");
            Error::new("decode", text)
        })
    }
}
