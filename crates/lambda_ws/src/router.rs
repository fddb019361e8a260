//! Routes to handlers.

mod handler_timer;
mod route;
#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::event::{
    AnyEvent, Authorize, Connect, Disconnect, Event, Joined, Kind, Left, Message, Opened,
};
use crate::extract::FromEvent;
use crate::handler::Handler;
use crate::presence::{GRACE, Hooks, LONGEST_GRACE};
use crate::response::{IntoResponse, Response, TwoWay};
use futures_util::future::BoxFuture;
pub(crate) use handler_timer::HandlerTimer;
use lambda_ws_protocol::selection::{Member, member};
use route::{Route, handled, handled_two_way};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
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
    joined: Option<Route<Joined, S>>,
    left: Option<Route<Left, S>>,
    grace: Option<Duration>,
    keeps_presence: bool,
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
            joined: None,
            left: None,
            grace: None,
            keeps_presence: false,
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

    /// Handles users who have joined a room: each with the first connection there that belongs to the user
    /// ([`Opening::user`](crate::Opening::user)). The place to announce them to the room.
    ///
    /// ```
    /// use lambda_ws::{ConnectionId, Error, Opening, PresenceChange, Query, Router, Sender};
    /// # use lambda_ws::testing::Gateway;
    ///
    /// async fn connect(me: Opening, Query(user): Query<Vec<(String, String)>>) -> Result<(), Error> {
    ///     me.user(&user[0].1)?;
    ///     Ok(me.join("tea")?)
    /// }
    ///
    /// async fn joined(PresenceChange { room, users }: PresenceChange, id: ConnectionId, sender: Sender) -> Result<(), Error> {
    ///     let message = format!("joined: {}", users.join(", "));
    ///     sender.room(room).except(&id).send(message).await?;
    ///     Ok(())
    /// }
    ///
    /// async fn left(PresenceChange { room, users }: PresenceChange, sender: Sender) -> Result<(), Error> {
    ///     sender.room(room).send(format!("left: {}", users.join(", "))).await?;
    ///     Ok(())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let router = Router::new().connect(connect).joined(joined).left(left);
    /// # let gateway = Gateway::new(router);
    /// # let mut ann = gateway.connect("/?user=ann").await.expect("accepted");
    /// # let phone = gateway.connect("/?user=bob").await.expect("accepted");
    /// # let laptop = gateway.connect("/?user=bob").await.expect("accepted");
    /// # phone.close().await;
    /// # assert_eq!(ann.recv_all(), ["joined: bob"]);
    /// # laptop.close().await;
    /// # assert_eq!(ann.recv_all(), ["left: bob"]);
    /// # }
    /// ```
    ///
    /// A user who joins a quiet room is announced in the same event, after the event's own handler:
    /// `$connect`, whose client cannot receive yet and is left out of what is sent to the room; a message; or
    /// [`opened`](Self::opened). The users who follow within about a second are announced together, by a
    /// task: a crowd that arrives at once costs each member a few messages, not one for each user. The
    /// connection id is then that of one of them. Where the function cannot invoke itself, and in a
    /// [`testing::Gateway`](crate::testing::Gateway), each is announced at once.
    ///
    /// # What is promised
    ///
    /// - `joined` and [`left`](Self::left) of a user in a room alternate, however many connections come
    ///   and go at once and wherever. But each runs in an invocation of its own: when they follow one
    ///   another closely, the later one may be done first.
    /// - Each happens once at most. A process that ends between noting that a user has joined or left and
    ///   calling the handler, or in the handler, does not call it again; nor is `joined` called behind a
    ///   handler that panics. A departure is stored before the connection is removed: a process that ends
    ///   after that loses nothing, because another one goes on.
    /// - The library learns of a vanished client by `$disconnect`, which may come late or never, or when
    ///   this function sends to it. A user who is never missed is present until 2 h 5 min after joining
    ///   last, and then is not, without `left`; so is one whose `$disconnect` was cut off. Programs of
    ///   their own ([`Sender::from_env`](crate::Sender::from_env)) have no handlers that could be called:
    ///   let them [publish](crate::run#publishing) by the function.
    ///
    /// # Costs
    ///
    /// Without a `joined` and a `left` handler, and without [`presence`](Self::presence), none. With them:
    ///
    /// - To join a room is two more requests, of one read and one write unit, and one more write with a
    ///   `joined` handler.
    /// - To leave rooms, or to disconnect, is one read and one or two writes, and after the grace about one
    ///   read for the user and one write for each room. Crowds share the requests for a task.
    /// - A message whose handler does not ask for the user or another part of the record reads that to join
    ///   or leave.
    ///
    /// # Panics
    ///
    /// If there is such a handler already.
    #[track_caller]
    pub fn joined<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Joined>,
        H::Args: FromEvent<Joined, S> + Send + 'static,
    {
        let old = self.joined.replace(handled(handler));
        assert!(old.is_none(), "`joined` is defined twice");
        self
    }

    /// Handles users who have left a room with all their connections: who left it, disconnected, or were
    /// found gone, and did not come back within the [grace](Self::grace). Users who leave at about the same
    /// time are announced together. See [`joined`](Self::joined).
    ///
    /// It runs in a task: an invocation of its own that the function asks itself for. Where it cannot
    /// invoke itself, it runs at the end of the event, without a grace.
    ///
    /// # Panics
    ///
    /// If there is such a handler already.
    #[track_caller]
    pub fn left<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Left>,
        H::Args: FromEvent<Left, S> + Send + 'static,
    {
        let old = self.left.replace(handled(handler));
        assert!(old.is_none(), "`left` is defined twice");
        self
    }

    /// How long a user who is in a room no more may take to come back as if nothing had happened: 5 s,
    /// unless this says otherwise. Browsers reconnect within seconds when a network changes or a page is
    /// loaded again.
    ///
    /// A task waits for it, one for all who leave at about the same time, and AWS bills its time; where the
    /// function's timeout is shorter, several tasks wait in turn. With a grace of zero `left` needs no task:
    /// it runs at the end of the event, and for each user separately.
    ///
    /// # Panics
    ///
    /// Over 20 s: then no function with API Gateway's timeout could wait for it.
    #[track_caller]
    pub fn grace(mut self, grace: Duration) -> Self {
        assert!(
            grace <= LONGEST_GRACE,
            "a grace of {grace:?} is too long: at most {LONGEST_GRACE:?}"
        );
        self.grace = Some(grace);
        self
    }

    /// Keeps who is present for [`Sender::presence`](crate::Sender::presence), also without a
    /// [`joined`](Self::joined) and a [`left`](Self::left) handler, and at the same cost.
    pub fn presence(mut self) -> Self {
        self.keeps_presence = true;
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
        one(self.joined.is_some(), other.joined.is_some(), "joined");
        one(self.left.is_some(), other.left.is_some(), "left");
        one(self.grace.is_some(), other.grace.is_some(), "grace");
        one(
            self.fallback.is_some(),
            other.fallback.is_some(),
            "fallback",
        );
        self.authorize = self.authorize.or(other.authorize);
        self.connect = self.connect.or(other.connect);
        self.opened = self.opened.or(other.opened);
        self.disconnect = self.disconnect.or(other.disconnect);
        self.joined = self.joined.or(other.joined);
        self.left = self.left.or(other.left);
        self.grace = self.grace.or(other.grace);
        self.keeps_presence |= other.keeps_presence;
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
            joined: self.joined.map(|route| route.with_state(&state)),
            left: self.left.map(|route| route.with_state(&state)),
            grace: self.grace,
            keeps_presence: self.keeps_presence,
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
    /// What it does with presences, if anything.
    fn hooks(&self) -> Option<Hooks> {
        let kept = self.joined.is_some() || self.left.is_some() || self.keeps_presence;
        kept.then(|| Hooks {
            grace: self.grace.unwrap_or(GRACE),
            announces_joins: self.joined.is_some(),
        })
    }

    /// The response to a message, and the route that it is for.
    fn message(&self, mut event: Event<Message>) -> (&str, BoxFuture<'static, Response>) {
        let key = event.context.route_key();
        if let Some((key, route)) = self.routes.get_key_value(key) {
            return (key, route.call(event));
        }
        let found = member(&event.data.body, &self.member);
        if let Member::Text(selected) = &found
            && let Some((key, route)) = self.routes.get_key_value(&**selected)
        {
            event.data.selected = Some(Arc::from(&**selected));
            return (key, route.call(event));
        }
        if let Some(fallback) = &self.fallback {
            return ("$default", fallback.call(event));
        }
        let response = IntoResponse::<Message>::into_response(self.unknown(&found));
        ("$default", Box::pin(std::future::ready(response)))
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
            joined: self.joined.clone(),
            left: self.left.clone(),
            grace: self.grace,
            keeps_presence: self.keeps_presence,
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
        // By the event, which passes all layers, and before a handler can join a room.
        if let Some(presences) = event.sender().presences() {
            presences.tell(self.hooks());
        }
        let mut watch = event.sender().metrics().map(HandlerTimer::new);
        let opened = self.opened.is_some() && matches!(event, AnyEvent::Connect(_));
        let is_message = matches!(event, AnyEvent::Message(_));
        let (route, response) = match event {
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
                let response = route.map_or_else(missing, |route| route.call(event));
                ("$authorize", Some(response))
            }
            AnyEvent::Connect(event) => ("$connect", called(&self.connect, event)),
            AnyEvent::Opened(event) => (Opened::ROUTE, called(&self.opened, event)),
            AnyEvent::Disconnect(event) => ("$disconnect", called(&self.disconnect, event)),
            AnyEvent::Message(event) => {
                let (route, response) = self.message(event);
                (route, Some(response))
            }
            AnyEvent::Joined(event) => ("$joined", called(&self.joined, event)),
            AnyEvent::Left(event) => ("$left", called(&self.left, event)),
            AnyEvent::Asked(_) => ("", None),
        };
        if let Some(watch) = watch.as_mut().filter(|_| response.is_some()) {
            watch.at(route, is_message);
        }
        Box::pin(async move {
            let mut response = match response {
                Some(response) => response.await,
                None => Response::default(),
            };
            response.opened = opened;
            if let Some(watch) = watch {
                watch.ends(&response);
            }
            Ok(response)
        })
    }
}

/// A handler's response, if there is one.
fn called<K: Kind>(
    route: &Option<Route<K, ()>>,
    event: Event<K>,
) -> Option<BoxFuture<'static, Response>> {
    route.as_ref().map(|route| route.call(event))
}
