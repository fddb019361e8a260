//! The router.

mod admin;
mod channels;
mod client_limits;
mod handler_timer;
mod handlers;
#[cfg(feature = "http")]
mod http;
mod layer;
mod presence;
mod respond;
mod route;
#[cfg(test)]
mod tests;
mod trigger;

pub use channels::Channels;
pub(crate) use channels::RequestFrame;
pub(crate) use client_limits::ApplyLimits;
#[cfg(test)]
pub(crate) use handler_timer::HandlerTimer;
#[cfg(feature = "http")]
pub(crate) use http::HttpCall;
pub use layer::RouterService;

use crate::admin::AdminHook;
use crate::event::{Authorize, Connect, Disconnect, EventSource, Message, Opened, Trigger};
use crate::extract::FromEvent;
use crate::handler::Handler;
use crate::presence::KeepsData;
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
/// API Gateway selects a route by its route selection expression. The router itself selects the handler of a
/// `$default` message by the JSON member `action` ([`Router::select_on`]). So an API needs only the routes
/// `$connect`, `$disconnect` and `$default`, and a new route needs no deployment of the API.
///
/// [`Router::layer`] wraps the router in [tower](https://docs.rs/tower) layers.
#[must_use = "a router does nothing until `lambda_ws::run` runs it"]
#[derive(Clone)]
pub struct Router<S = ()> {
    handlers: Handlers<S>,
    routes: BTreeMap<String, Route<Message, S>>,
    triggers: BTreeMap<EventSource, Route<Trigger, S>>,
    #[cfg(feature = "http")]
    http: Option<http::HttpService>,
    /// The member of a message's JSON object that names its route.
    member: String,
    grace: Option<Duration>,
    keeps_presence: bool,
    /// Set if the program keeps data of users.
    presence_data: Option<&'static dyn KeepsData>,
    seen_interval: Option<Duration>,
    channels: Option<Arc<Channels<S>>>,
    layers: Vec<Arc<ApplyLayer>>,
    /// Set if the program accepts admin events.
    admin: Option<AdminHook>,
    client_limits: Option<Arc<dyn ApplyLimits>>,
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Creates a router without routes. It accepts every client and responds to every message with an error.
    pub fn new() -> Self {
        Self {
            handlers: Handlers::default(),
            routes: BTreeMap::new(),
            triggers: BTreeMap::new(),
            #[cfg(feature = "http")]
            http: None,
            member: "action".to_owned(),
            grace: None,
            keeps_presence: false,
            presence_data: None,
            seen_interval: None,
            channels: None,
            layers: Vec::new(),
            admin: None,
            client_limits: None,
        }
    }

    /// Sets the handler that authorizes clients, if the function is also the API's Lambda authorizer (of type
    /// `REQUEST`, on `$connect`; conformance B9). It runs before [`Router::connect`].
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
    /// | the handler returns | the client gets |
    /// |---|---|
    /// | [`Policy::allow`](crate::auth::Policy::allow) | the response of `$connect` |
    /// | [`Policy::deny`](crate::auth::Policy::deny), an error with status 403 | 403 |
    /// | an error with status 401 | 401 |
    /// | any other error, a panic, a policy of over 8 KB | 500 |
    ///
    /// Without this handler the authorizer's events fail, and the client gets 500.
    ///
    /// # Panics
    ///
    /// If the router already has this handler.
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

    /// Sets the handler of `$connect`, which accepts or rejects a client. Without it every client is accepted
    /// (conformance B2).
    ///
    /// # Panics
    ///
    /// If the router already has this handler.
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

    /// Sets the handler that runs once the connection is open. Send welcome messages from it: the client cannot
    /// receive before `$connect` returns (conformance G7). Its return value is sent to the client.
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
    /// After `$connect` has accepted, the function invokes itself asynchronously for this handler, so it needs
    /// `lambda:InvokeFunction` on itself. The handler runs at least once for each live connection, usually within a
    /// second. It may run concurrently with the connection's messages.
    ///
    /// # Panics
    ///
    /// If the router already has this handler.
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

    /// Sets the handler of `$disconnect`. The record of the connection is removed before it runs.
    ///
    /// # Panics
    ///
    /// If the router already has this handler.
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

    /// Sets the handler of messages with this route key. Its return value is sent to the sender.
    ///
    /// # Panics
    ///
    /// If the key begins with `$`, or already has a handler.
    #[track_caller]
    pub fn route<H, Args>(self, key: &str, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Message>,
        H::Args: FromEvent<Message, S> + Send + 'static,
    {
        self.add(key, handled(handler))
    }

    /// Sets the handler of a route with a route response in API Gateway. The return value becomes the body of the
    /// integration response (conformance E2). Messages that arrive through `$default` get their response as from
    /// [`Router::route`].
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

    /// Sets the handler of messages without a route. Without it they get the error code `unknown_action`, or
    /// `bad_message` if they are not JSON objects.
    ///
    /// # Panics
    ///
    /// If the router already has this handler.
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

    /// Selects the handler of `$default` messages by this JSON member instead of `action`.
    pub fn select_on(mut self, member: &str) -> Self {
        self.member = member.into();
        self
    }

    /// Adds all routes and [layers](Self::layer) of another router. The member for the selection of routes does not
    /// change.
    ///
    /// # Panics
    ///
    /// If both routers have the same handler or route.
    #[track_caller]
    pub fn merge(mut self, other: Self) -> Self {
        self.handlers.merge(other.handlers);
        if let Some(grace) = other.grace {
            set(&mut self.grace, "grace", grace);
        }
        self.keeps_presence |= other.keeps_presence;
        self.presence_data = self.presence_data.or(other.presence_data);
        if let Some(interval) = other.seen_interval {
            set(&mut self.seen_interval, "last_seen", interval);
        }
        if let Some(other) = other.channels {
            let channels = self.channels.get_or_insert_default();
            Arc::make_mut(channels).merge(Arc::unwrap_or_clone(other));
        }
        self.layers.extend(other.layers);
        self.admin = self.admin.or(other.admin);
        if let Some(limits) = other.client_limits {
            set(&mut self.client_limits, "client_limits", limits);
        }
        for (key, route) in other.routes {
            self = self.add(&key, route);
        }
        for (source, route) in other.triggers {
            self = self.add_trigger(source, route);
        }
        #[cfg(feature = "http")]
        if let Some(http) = other.http {
            set(&mut self.http, "http", http);
        }
        self
    }

    /// Provides the state of the router.
    pub fn with_state(self, state: S) -> Router {
        let routes = self.routes.into_iter();
        let routes = routes.map(|(key, route)| (key, route.with_state(&state)));
        let triggers = self.triggers.into_iter();
        let triggers = triggers.map(|(source, route)| (source, route.with_state(&state)));
        Router {
            routes: routes.collect(),
            triggers: triggers.collect(),
            #[cfg(feature = "http")]
            http: self.http,
            handlers: self.handlers.with_state(&state),
            member: self.member,
            grace: self.grace,
            keeps_presence: self.keeps_presence,
            presence_data: self.presence_data,
            seen_interval: self.seen_interval,
            channels: self
                .channels
                .map(|channels| Arc::new(Arc::unwrap_or_clone(channels).with_state(&state))),
            layers: self.layers,
            admin: self.admin,
            client_limits: self.client_limits,
        }
    }

    #[track_caller]
    fn add(mut self, key: &str, route: Route<Message, S>) -> Self {
        assert!(
            !key.starts_with('$'),
            "`{key}` is not a custom route: use `connect`, `disconnect` or `fallback`"
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
