//! Routes to handlers.

mod route;
#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::event::{AnyEvent, Authorize, Connect, Disconnect, Event, Message, Opened};
use crate::extract::FromEvent;
use crate::handler::Handler;
use crate::response::{IntoResponse, Response, TwoWay};
use crate::selection::{Member, member};
use futures_util::future::BoxFuture;
use route::{Route, handled, handled_two_way};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// Brings events to handlers. `Router<S>` misses a state of type `S`; [`Router::with_state`] gives it.
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
/// It is a [`tower_service::Service`]: `tower::ServiceBuilder` wraps it in layers.
#[must_use = "a router does nothing until `lambda_ws::run` runs it"]
pub struct Router<S = ()> {
    authorize: Option<Route<Authorize, S>>,
    connect: Option<Route<Connect, S>>,
    opened: Option<Route<Opened, S>>,
    disconnect: Option<Route<Disconnect, S>>,
    // Shared, because the router is cloned for every event.
    routes: Arc<BTreeMap<String, Route<Message, S>>>,
    fallback: Option<Route<Message, S>>,
    member: Arc<str>,
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// A router without routes: it accepts every client, and answers every message with an error.
    pub fn new() -> Self {
        Self {
            authorize: None,
            connect: None,
            opened: None,
            disconnect: None,
            routes: Arc::default(),
            fallback: None,
            member: "action".into(),
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
        let old = self.authorize.replace(handled(handler));
        assert!(old.is_none(), "`authorize` is defined twice");
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
        let old = self.connect.replace(handled(handler));
        assert!(old.is_none(), "`connect` is defined twice");
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
        let old = self.opened.replace(handled(handler));
        assert!(old.is_none(), "`opened` is defined twice");
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
        let old = self.disconnect.replace(handled(handler));
        assert!(old.is_none(), "`disconnect` is defined twice");
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
        let old = self.fallback.replace(handled(handler));
        assert!(old.is_none(), "`fallback` is defined twice");
        self
    }

    /// Routes messages that come by `$default` on this member of their JSON object, instead of
    /// `action`.
    pub fn select_on(mut self, member: &str) -> Self {
        self.member = member.into();
        self
    }

    /// Adds all routes of another router. The member that routes are selected on stays this one's.
    ///
    /// # Panics
    ///
    /// If both have a handler for the same.
    #[track_caller]
    pub fn merge(mut self, other: Self) -> Self {
        let one = |a: bool, b: bool, name| assert!(!(a && b), "`{name}` is defined twice");
        one(
            self.authorize.is_some(),
            other.authorize.is_some(),
            "authorize",
        );
        one(self.connect.is_some(), other.connect.is_some(), "connect");
        one(self.opened.is_some(), other.opened.is_some(), "opened");
        one(
            self.disconnect.is_some(),
            other.disconnect.is_some(),
            "disconnect",
        );
        one(
            self.fallback.is_some(),
            other.fallback.is_some(),
            "fallback",
        );
        self.authorize = self.authorize.or(other.authorize);
        self.connect = self.connect.or(other.connect);
        self.opened = self.opened.or(other.opened);
        self.disconnect = self.disconnect.or(other.disconnect);
        self.fallback = self.fallback.or(other.fallback);
        for (key, route) in other.routes.iter() {
            self = self.add(key, route.clone());
        }
        self
    }

    /// Gives the router the state it misses.
    pub fn with_state(self, state: S) -> Router {
        let routes = self.routes.iter();
        let routes = routes.map(|(key, route)| (key.clone(), route.clone().with_state(&state)));
        Router {
            authorize: self.authorize.map(|route| route.with_state(&state)),
            connect: self.connect.map(|route| route.with_state(&state)),
            opened: self.opened.map(|route| route.with_state(&state)),
            disconnect: self.disconnect.map(|route| route.with_state(&state)),
            routes: Arc::new(routes.collect()),
            fallback: self.fallback.map(|route| route.with_state(&state)),
            member: self.member,
        }
    }

    #[track_caller]
    fn add(mut self, key: &str, route: Route<Message, S>) -> Self {
        assert!(
            !key.starts_with('$'),
            "`{key}` is no custom route: use `connect`, `disconnect` or `fallback`"
        );
        let old = Arc::make_mut(&mut self.routes).insert(key.to_owned(), route);
        assert!(old.is_none(), "route `{key}` is defined twice");
        self
    }
}

impl Router {
    /// The response to a message.
    fn message(&self, mut event: Event<Message>) -> BoxFuture<'static, Response> {
        let key = event.context.route_key();
        if let Some(route) = self.routes.get(key) {
            return route.call(event);
        }
        let found = member(&event.data.body, &self.member);
        if let Member::Text(key) = &found
            && let Some(route) = self.routes.get(&**key)
        {
            event.data.selected = Some(Arc::from(&**key));
            return route.call(event);
        }
        if let Some(fallback) = &self.fallback {
            return fallback.call(event);
        }
        let response = IntoResponse::<Message>::into_response(self.unknown(&found));
        Box::pin(std::future::ready(response))
    }

    /// Why no route is for a message.
    fn unknown(&self, found: &Member<'_>) -> Error {
        let member = &self.member;
        let known: Vec<_> = self.routes.keys().map(|key| format!("`{key}`")).collect();
        let known = known.join(", ");
        match found {
            _ if self.routes.is_empty() => {
                Error::client("unknown_action", "nothing is expected of clients here")
            }
            Member::Text(key) => {
                // What a client sent is repeated in part only.
                let key: String = key.chars().take(64).collect();
                let message = format!("`{key}` is no {member}: expected one of {known}");
                Error::client("unknown_action", message)
            }
            Member::Missing => {
                let message = format!("`{member}` is missing: expected one of {known}");
                Error::client("bad_message", message)
            }
            Member::NotJson => {
                let message = format!("expected a JSON object with `{member}`: one of {known}");
                Error::client("bad_message", message)
            }
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Router<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Clone for Router<S> {
    fn clone(&self) -> Self {
        Self {
            authorize: self.authorize.clone(),
            connect: self.connect.clone(),
            opened: self.opened.clone(),
            disconnect: self.disconnect.clone(),
            routes: self.routes.clone(),
            fallback: self.fallback.clone(),
            member: self.member.clone(),
        }
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

impl Service<AnyEvent> for Router {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: AnyEvent) -> Self::Future {
        let opened = self.opened.is_some() && matches!(event, AnyEvent::Connect(_));
        let response = match event {
            AnyEvent::Authorize(event) => {
                let missing = || -> BoxFuture<'static, Response> {
                    let error = Error::from(
                        "the API asks this function to authorize a client, and its router has no \
                         `authorize` handler: add one, or take the authorizer off `$connect`",
                    );
                    Box::pin(std::future::ready(
                        IntoResponse::<Authorize>::into_response(error),
                    ))
                };
                let route = self.authorize.as_ref();
                Some(route.map_or_else(missing, |route| route.call(event)))
            }
            AnyEvent::Connect(event) => self.connect.as_ref().map(|route| route.call(event)),
            AnyEvent::Opened(event) => self.opened.as_ref().map(|route| route.call(event)),
            AnyEvent::Disconnect(event) => self.disconnect.as_ref().map(|route| route.call(event)),
            AnyEvent::Message(event) => Some(self.message(event)),
        };
        Box::pin(async move {
            let mut response = match response {
                Some(response) => response.await,
                None => Response::default(),
            };
            response.opened = opened;
            Ok(response)
        })
    }
}
