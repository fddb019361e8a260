//! Routes to handlers.

mod channels;
mod handler_timer;
mod handlers;
mod layer;
mod presence;
mod respond;
mod route;
#[cfg(test)]
mod tests;

pub use channels::Channels;
pub(crate) use channels::RequestFrame;
#[cfg(test)]
pub(crate) use handler_timer::HandlerTimer;
pub use layer::RouterService;

use crate::event::{Authorize, Connect, Disconnect, Message, Opened};
use crate::extract::FromEvent;
use crate::handler::Handler;
use crate::response::{IntoResponse, TwoWay};
use handlers::{Handlers, set};
use layer::ApplyLayer;
use route::{Route, handled, handled_two_way};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Routes events to handlers. A `Router<S>` still needs a state of type `S`: see [`Router::with_state`].
///
/// ```
/// use lambda_ws::{Connection, Error, Router};
///
/// async fn echo(me: Connection, text: String) -> Result<(), Error> {
///     me.send(text).await?;
///     Ok(())
/// }
///
/// let router: Router = Router::new().fallback(echo);
/// ```
///
/// API Gateway selects a route by its own expression. A message that it sends to `$default` is routed
/// by the router itself, on the JSON member `action` ([`Router::select_on`]): an API needs no route but
/// `$connect`, `$disconnect` and `$default`, and a new route no deployment of the API.
///
/// [`Router::layer`] wraps it in layers of [tower](https://docs.rs/tower).
#[must_use = "a router does nothing until `lambda_ws::run` runs it"]
#[derive(Clone)]
pub struct Router<S = ()> {
    handlers: Handlers<S>,
    routes: BTreeMap<String, Route<Message, S>>,
    /// The member of a message's JSON object that names its route.
    member: String,
    grace: Option<Duration>,
    keeps_presence: bool,
    channels: Option<Arc<Channels<S>>>,
    layers: Vec<Arc<ApplyLayer>>,
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// A router without routes: it accepts every client, and answers every message with an error.
    pub fn new() -> Self {
        Self {
            handlers: Handlers::default(),
            routes: BTreeMap::new(),
            member: "action".to_owned(),
            grace: None,
            keeps_presence: false,
            channels: None,
            layers: Vec::new(),
        }
    }

    /// Whether a client may connect: what the API asks, before [`Router::connect`], if this same
    /// function is its Lambda authorizer too (of type `REQUEST`, on `$connect`; conformance B9).
    ///
    /// ```
    /// use lambda_ws::auth::{Policy, Token};
    /// use lambda_ws::{Error, Router};
    ///
    /// async fn authorize(token: Token) -> Result<Policy, Error> {
    ///     match token.as_str() {
    ///         "s3cret" => Ok(Policy::allow("ann").context("admin", true)),
    ///         _ => Err(Error::unauthorized("the token is unknown")),
    ///     }
    /// }
    ///
    /// let router: Router = Router::new().authorize(authorize);
    /// ```
    ///
    /// | the handler returns | the client sees |
    /// |---|---|
    /// | [`Policy::allow`](crate::auth::Policy::allow) | what `$connect` says |
    /// | [`Policy::deny`](crate::auth::Policy::deny), an error with status 403 | 403 |
    /// | an error with status 401 | 401 |
    /// | any other error, a panic, a policy of over 8 KB | 500 |
    ///
    /// Without this handler the authorizer's events are errors, which a client sees as 500.
    ///
    /// # Panics
    ///
    /// If there is such a handler already.
    #[track_caller]
    pub fn authorize<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Authorize>,
        H::Args: FromEvent<Authorize, S> + Send + 'static,
    {
        set(&mut self.handlers.authorize, "authorize", handled(handler));
        self
    }

    /// What happens when a client asks to connect. Without it every client is accepted
    /// (conformance B2).
    ///
    /// # Panics
    ///
    /// If there is such a handler already.
    #[track_caller]
    pub fn connect<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Connect>,
        H::Args: FromEvent<Connect, S> + Send + 'static,
    {
        set(&mut self.handlers.connect, "connect", handled(handler));
        self
    }

    /// What happens once a connection is open: the place to greet a client, who hears nothing before
    /// `$connect` has returned (conformance G7). What the handler returns is sent to the client.
    ///
    /// ```
    /// use lambda_ws::{Error, Json, Opening, Rooms, Router};
    /// # use lambda_ws::testing::Gateway;
    ///
    /// async fn connect(me: Opening) -> Result<(), Error> {
    ///     Ok(me.join("tea")?)
    /// }
    ///
    /// async fn greet(rooms: Rooms) -> Json<Vec<String>> {
    ///     Json(rooms.0)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let router = Router::new().connect(connect).opened(greet);
    /// let mut ann = Gateway::new(router).connect("/").await.expect("accepted");
    /// assert_eq!(ann.recv().await, r#"["tea"]"#);
    /// # }
    /// ```
    ///
    /// The function invokes itself for it, asynchronously, when `$connect` has accepted, so it needs
    /// `lambda:InvokeFunction` on itself. It runs at least once for each connection that still is there,
    /// most often within a second, beside the connection's messages and not before them.
    ///
    /// # Panics
    ///
    /// If there is such a handler already.
    #[track_caller]
    pub fn opened<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Opened>,
        H::Args: FromEvent<Opened, S> + Send + 'static,
    {
        set(&mut self.handlers.opened, "opened", handled(handler));
        self
    }

    /// What happens when a connection has ended. Its record is removed before.
    ///
    /// # Panics
    ///
    /// If there is such a handler already.
    #[track_caller]
    pub fn disconnect<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Disconnect>,
        H::Args: FromEvent<Disconnect, S> + Send + 'static,
    {
        set(
            &mut self.handlers.disconnect,
            "disconnect",
            handled(handler),
        );
        self
    }

    /// What happens to messages with this route key. What the handler returns is sent to the sender.
    ///
    /// # Panics
    ///
    /// If the key begins with `$`, or has a handler already.
    #[track_caller]
    pub fn route<H, Args>(self, key: &str, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Message>,
        H::Args: FromEvent<Message, S> + Send + 'static,
    {
        self.add(key, handled(handler))
    }

    /// A route that API Gateway knows and has a route response for: what the handler returns is the
    /// response's body, and travels on the integration's own way back (conformance E2). A message that
    /// comes by `$default` is answered as by [`Router::route`].
    ///
    /// # Panics
    ///
    /// As [`Router::route`].
    #[track_caller]
    pub fn two_way<H, Args>(self, key: &str, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<TwoWay>,
        H::Args: FromEvent<Message, S> + Send + 'static,
    {
        self.add(key, handled_two_way(handler))
    }

    /// What happens to messages that no route is for. Without it they are answered with the error code
    /// `unknown_action`, or `bad_message` if they are no JSON objects.
    ///
    /// # Panics
    ///
    /// If there is such a handler already.
    #[track_caller]
    pub fn fallback<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Message>,
        H::Args: FromEvent<Message, S> + Send + 'static,
    {
        set(&mut self.handlers.fallback, "fallback", handled(handler));
        self
    }

    /// Routes messages that come by `$default` on this member of their JSON object, instead of
    /// `action`.
    pub fn select_on(mut self, member: &str) -> Self {
        self.member = member.into();
        self
    }

    /// Adds all routes and [layers](Self::layer) of another router. The member that routes are selected on stays this
    /// one's.
    ///
    /// # Panics
    ///
    /// If both have a handler for the same.
    #[track_caller]
    pub fn merge(mut self, other: Self) -> Self {
        self.handlers.merge(other.handlers);
        if let Some(grace) = other.grace {
            set(&mut self.grace, "grace", grace);
        }
        self.keeps_presence |= other.keeps_presence;
        if let Some(other) = other.channels {
            let channels = self.channels.get_or_insert_default();
            Arc::make_mut(channels).merge(Arc::unwrap_or_clone(other));
        }
        self.layers.extend(other.layers);
        for (key, route) in other.routes {
            self = self.add(&key, route);
        }
        self
    }

    /// Gives the router the state it misses.
    pub fn with_state(self, state: S) -> Router {
        let routes = self.routes.into_iter();
        let routes = routes.map(|(key, route)| (key, route.with_state(&state)));
        Router {
            routes: routes.collect(),
            handlers: self.handlers.with_state(&state),
            member: self.member,
            grace: self.grace,
            keeps_presence: self.keeps_presence,
            channels: self
                .channels
                .map(|channels| Arc::new(Arc::unwrap_or_clone(channels).with_state(&state))),
            layers: self.layers,
        }
    }

    #[track_caller]
    fn add(mut self, key: &str, route: Route<Message, S>) -> Self {
        assert!(
            !key.starts_with('$'),
            "`{key}` is no custom route: use `connect`, `disconnect` or `fallback`"
        );
        let old = self.routes.insert(key.to_owned(), route);
        assert!(old.is_none(), "route `{key}` is defined twice");
        self
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Router<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> std::fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let routes: Vec<_> = self.routes.keys().collect();
        f.debug_struct("Router")
            .field("routes", &routes)
            .finish_non_exhaustive()
    }
}
