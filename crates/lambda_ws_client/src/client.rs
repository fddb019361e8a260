//! The client: the handle of an application, and the task that runs the state machine.

mod builder;
mod run;

pub use builder::{Builder, Handshake, RequestBuilder, RoomBuilder};

use crate::error::{BoxError, Error};
use crate::machine::{Call, State, Token};
use crate::protocol::Position;
use crate::subscription::Feed;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{broadcast, oneshot, watch};

/// API Gateway closes the connection after a longer frame.
const MAX_FRAME: usize = 32 * 1024;

/// The callback that returns the token of a room.
pub(crate) type TokenCallback =
    Arc<dyn Fn() -> BoxFuture<'static, Result<String, BoxError>> + Send + Sync>;

/// What happens to a connection.
#[derive(Debug)]
pub(crate) enum Input {
    Opened(u64),
    Frame(u64, String),
    Lost(u64, Error),
}

/// What the application wants.
pub(crate) enum Command {
    Subscribe {
        key: u64,
        name: String,
        since: Option<Position>,
        token: Token,
        callback: Option<TokenCallback>,
        feed: Feed,
    },
    Unsubscribe(u64),
    Call(Call, Option<Value>, oneshot::Sender<Result<Value, Error>>),
    Token(u64, Result<String, BoxError>),
    Online(bool),
    Wake,
    Close(oneshot::Sender<()>),
}

/// What applications see of the client's state.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// The state.
    pub state: State,
    /// The number of connections that failed or closed since one was open for 10 s.
    pub attempts: u32,
    /// Why the last connection failed or closed.
    pub last_error: Option<Error>,
}

/// The commands of a client. The task ends when all handles are dropped.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    commands: UnboundedSender<Command>,
    keys: Arc<AtomicU64>,
}

impl Handle {
    pub(crate) fn unsubscribe(&self, key: u64) {
        // The client may be closed.
        let _ = self.commands.send(Command::Unsubscribe(key));
    }

    fn key(&self) -> u64 {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    async fn call(&self, call: Call, request: Option<Value>) -> Result<Value, Error> {
        let (sender, receiver) = oneshot::channel();
        let command = Command::Call(call, request, sender);
        self.commands.send(command).map_err(|_| Error::closed())?;
        receiver.await.unwrap_or_else(|_| Err(Error::closed()))
    }
}

/// A connection that is opened again whenever it closes, with its rooms and requests. Clones are the same client.
///
/// It closes when it is dropped, with all of its clones and subscriptions.
#[derive(Debug, Clone)]
pub struct Client {
    handle: Handle,
    status: watch::Receiver<Status>,
    messages: broadcast::Sender<Arc<str>>,
    errors: broadcast::Sender<Error>,
}

impl Client {
    /// Connects to a URL, `ws://` or `wss://`, with the default settings. It must be called in a tokio runtime.
    pub fn connect(url: impl Into<String>) -> Self {
        Self::builder(url).connect()
    }

    /// Returns a builder of a client for a URL.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    /// Joins a room: `client.room("tea").subscribe()`. It stays joined across connections.
    pub fn room(&self, name: impl Into<String>) -> RoomBuilder {
        RoomBuilder::new(self.handle.clone(), name.into())
    }

    /// Sends a message, and returns once it is given to the connection. Delivery is certain only for a
    /// [`request`](Self::request).
    ///
    /// # Errors
    ///
    /// `encode`, `too_long`, `queue_full`, `closed`.
    pub async fn send(&self, message: &impl Serialize) -> Result<(), Error> {
        let text = encode(message)?;
        check_reserved(&serde_json::to_value(message).unwrap_or_default())?;
        self.handle
            .call(Call::new(self.handle.key(), text), None)
            .await?;
        Ok(())
    }

    /// Sends a message that its handler answers: `client.request(&message).send().await`.
    pub fn request(&self, message: &impl Serialize) -> RequestBuilder {
        RequestBuilder::new(self.handle.clone(), serde_json::to_value(message))
    }

    /// Returns the state of the client, the number of failed attempts, and the last error.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Waits for the next change of the state, the number of attempts or the last error.
    pub async fn changed(&mut self) -> Status {
        // Without its task the client is closed for good.
        if self.status.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.status.borrow_and_update().clone()
    }

    /// Returns the application's own messages from now on, as text. A receiver that is more than 1 000 messages behind
    /// learns how many it missed.
    pub fn messages(&self) -> broadcast::Receiver<Arc<str>> {
        self.messages.subscribe()
    }

    /// Returns the errors of messages without an id from now on.
    pub fn errors(&self) -> broadcast::Receiver<Error> {
        self.errors.subscribe()
    }

    /// States whether the platform has a network. Without one, the client waits instead of trying. It tries at once when
    /// the network is back.
    pub fn set_online(&self, is_online: bool) {
        // The client may be closed.
        let _ = self.handle.commands.send(Command::Online(is_online));
    }

    /// Checks the connection at once, such as after a sleep of the machine.
    pub fn wake(&self) {
        // The client may be closed.
        let _ = self.handle.commands.send(Command::Wake);
    }

    /// Closes the connection, the rooms and the requests for good.
    pub async fn close(&self) {
        let (sender, receiver) = oneshot::channel();
        if self.handle.commands.send(Command::Close(sender)).is_ok() {
            // An error means that the client is closed already.
            let _ = receiver.await;
        }
    }
}

fn encode(message: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string(message).map_err(|error| {
        Error::new("encode", "the message cannot be written as JSON").with_source(error)
    })?;
    check_length(&text)?;
    Ok(text)
}

pub(crate) fn check_length(text: &str) -> Result<(), Error> {
    if text.len() > MAX_FRAME {
        let length = text.len();
        let text = format!(
            "a message of {length} bytes is too long: expected at most 32 KB ({MAX_FRAME})"
        );
        return Err(Error::new("too_long", text));
    }
    Ok(())
}

/// Rejects what is reserved for the client.
fn check_reserved(message: &Value) -> Result<(), Error> {
    let action = message["action"].as_str().unwrap_or_default();
    if message.get("$id").is_some() || action.starts_with('$') {
        let text = "the message is not valid: $id and actions that begin with $ are reserved";
        return Err(Error::new("encode", text));
    }
    Ok(())
}
