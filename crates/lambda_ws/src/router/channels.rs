//! Lossless rooms: `$subscribe`, `$unsubscribe` and `$ping`.

mod answer;
mod frames;
mod ping;
mod request;
#[cfg(test)]
mod tests;

pub(crate) use request::RequestFrame;

use super::Router;
use super::handlers::set;
use super::route::{Route, handled};
use crate::auth::RoomTokens;
use crate::event::Subscribe;
use crate::extract::FromEvent;
use crate::handler::Handler;
use crate::response::IntoResponse;
use crate::sender::{Histories, RoomPattern, Sender};
use crate::store::History;
use std::sync::Arc;

/// Lossless rooms: which rooms have a history, and which clients may subscribe to them. See
/// [the guide](crate::guide::lossless_rooms).
///
/// ```
/// use lambda_ws::{Channels, Error, History, Router, Subscribe, User};
/// use std::time::Duration;
///
/// async fn authorize(subscribe: Subscribe, User(user): User) -> Result<(), Error> {
///     match subscribe.room == format!("inbox/{user}") {
///         true => Ok(()),
///         false => Err(Error::forbidden("this inbox belongs to another user")),
///     }
/// }
///
/// let channels = Channels::new()
///     .history("chat/*", History::new(100, Duration::from_secs(3600)))
///     .public("chat/lobby")
///     .authorize(authorize);
/// let router: Router = Router::new().channels(channels);
/// ```
///
/// A client may subscribe to a room if one of these allows it, in this order:
///
/// 1. The room is [public](Self::public).
/// 2. The client sends a token, and there are [tokens](Self::tokens): the token decides.
/// 3. The [`authorize`](Self::authorize) handler decides.
///
/// Everything else is `forbidden`.
#[must_use = "channels do nothing until `Router::channels` gets them"]
#[derive(Clone)]
pub struct Channels<S = ()> {
    histories: Histories,
    public: Vec<RoomPattern>,
    tokens: Option<RoomTokens>,
    authorize: Option<Route<Subscribe, S>>,
}

impl<S: Clone + Send + Sync + 'static> Channels<S> {
    /// Channels without history, and without rooms that a client may subscribe to.
    pub fn new() -> Self {
        Self {
            histories: Histories::default(),
            public: Vec::new(),
            tokens: None,
            authorize: None,
        }
    }

    /// Gives rooms a history. `pattern` is the name of a room, or a prefix with a `*` at its end, such as `chat/*`. The
    /// first pattern that matches a room counts.
    ///
    /// # Panics
    ///
    /// If the pattern is not valid.
    #[track_caller]
    pub fn history(mut self, pattern: &str, history: History) -> Self {
        self.histories.add(read(pattern), history);
        self
    }

    /// Lets every client subscribe to rooms: a name, or a prefix with a `*` at its end.
    ///
    /// # Panics
    ///
    /// If the pattern is not valid.
    #[track_caller]
    pub fn public(mut self, pattern: &str) -> Self {
        self.public.push(read(pattern));
        self
    }

    /// Lets clients subscribe to the rooms of their [room tokens](RoomTokens). A room token costs no request, unless it
    /// is for one user.
    ///
    /// # Panics
    ///
    /// If there are tokens already.
    #[track_caller]
    pub fn tokens(mut self, tokens: RoomTokens) -> Self {
        set(&mut self.tokens, "tokens", tokens);
        self
    }

    /// Decides whether a client may subscribe to a room. The handler is an async function of up to 8 extractors, such as
    /// [`Subscribe`], [`User`](crate::User), [`Session`](crate::Session) and [`State`](crate::State). `Ok(())` allows
    /// it. The client receives the code and the message of an [`Error`](crate::Error), as of every handler.
    ///
    /// # Panics
    ///
    /// If there is such a handler already.
    #[track_caller]
    pub fn authorize<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Subscribe>,
        H::Args: FromEvent<Subscribe, S> + Send + 'static,
    {
        set(&mut self.authorize, "authorize", handled(handler));
        self
    }

    pub(super) fn with_state(self, state: &S) -> Channels {
        Channels {
            histories: self.histories,
            public: self.public,
            tokens: self.tokens,
            authorize: self.authorize.map(|authorize| authorize.with_state(state)),
        }
    }

    /// Adds the channels of another router.
    #[track_caller]
    pub(super) fn merge(&mut self, other: Self) {
        self.histories.extend(other.histories);
        self.public.extend(other.public);
        if let Some(tokens) = other.tokens {
            set(&mut self.tokens, "tokens", tokens);
        }
        if let Some(authorize) = other.authorize {
            set(&mut self.authorize, "authorize", authorize);
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Channels<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> std::fmt::Debug for Channels<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channels")
            .field("histories", &self.histories)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

#[track_caller]
fn read(pattern: &str) -> RoomPattern {
    match RoomPattern::read(pattern) {
        Ok(pattern) => pattern,
        Err(error) => panic!("{error}"),
    }
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Adds lossless rooms: the router answers `$subscribe`, `$unsubscribe` and `$ping` of clients, and a message with
    /// `$id` is a request, which gets one `reply` or `error` with the same id. Layers see these messages as all others.
    ///
    /// Without channels none of these messages has a meaning, and no message costs more.
    ///
    /// # Panics
    ///
    /// If there are channels already.
    #[track_caller]
    pub fn channels(mut self, channels: Channels<S>) -> Self {
        set(&mut self.channels, "channels", Arc::new(channels));
        self
    }
}

impl Router {
    /// The rooms that have a history, if there are channels.
    pub(crate) fn histories(&self) -> Option<Histories> {
        let channels = self.channels.as_ref()?;
        Some(channels.histories.clone())
    }

    /// What a client expects as the answer to a message, if that is another one than without channels.
    pub(crate) fn request_frame(&self, body: &str) -> Option<RequestFrame> {
        self.channels.as_ref()?;
        RequestFrame::read(body)
    }
}

impl Sender {
    /// The same sender with the histories of channels, so that it can [publish](crate::Audience::publish): for programs
    /// that serve no events. Senders of handlers have those of their router.
    ///
    /// The channels need the same histories as those of the router. A message that is published with other ones may be
    /// stored for another time, or may not be in the log at all.
    ///
    /// ```no_run
    /// use lambda_ws::{Channels, Error, History, Sender};
    /// use std::time::Duration;
    ///
    /// /// The router of the function has the same ones.
    /// fn channels() -> Channels {
    ///     Channels::new().history("chat/*", History::new(100, Duration::from_secs(3600)))
    /// }
    ///
    /// async fn nightly() -> Result<(), Error> {
    ///     let sender = Sender::from_env().await?.with_channels(&channels());
    ///     sender.room("chat/lobby").publish("good night").await?;
    ///     Ok(())
    /// }
    /// ```
    pub fn with_channels<S>(self, channels: &Channels<S>) -> Self {
        self.with_histories(channels.histories.clone())
    }
}
