//! The in-memory gateway.

use super::client::Client;
use super::request::{Refusal, Request};
use super::shared::{Api, Handle, Invocation, Shared};
use crate::Timestamp;
use crate::auth::Tickets;
use crate::router::Router;
use crate::sender::Sender;
use crate::store::Memory;
use lambda_ws_protocol::CloseReason;
use lambda_ws_protocol::selection::Expression;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// An API in memory. Clones are the same API.
///
/// It has the routes `$connect`, `$disconnect` and `$default`, selects routes by `$request.body.action`, and its
/// clock only moves with [`advance`](Self::advance). See [the module](crate::testing) for an example.
#[derive(Clone)]
pub struct Gateway(Handle);

impl Gateway {
    /// Creates an API with `router` as its function.
    pub fn new(router: Router) -> Self {
        Self(Handle {
            shared: Shared::start(router),
            api: Arc::new(Api {
                expression: Expression::default(),
                routes: BTreeMap::from([("$default".to_owned(), false)]),
                authorizer: None,
            }),
        })
    }

    /// Adds routes to the API, besides `$connect`, `$disconnect` and `$default`.
    pub fn route_keys<'k>(self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        self.routes(keys, false)
    }

    /// Adds routes with a route response: the client gets the response's body (conformance E2).
    pub fn two_way<'k>(self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        self.routes(keys, true)
    }

    /// Removes the route `$default`. API Gateway itself then responds to messages without a route with an error frame
    /// (conformance D4).
    pub fn without_default(mut self) -> Self {
        Arc::make_mut(&mut self.0.api).routes.remove("$default");
        self
    }

    fn routes<'k>(mut self, keys: impl IntoIterator<Item = &'k str>, two_way: bool) -> Self {
        let routes = keys.into_iter().map(|key| (key.to_owned(), two_way));
        Arc::make_mut(&mut self.0.api).routes.extend(routes);
        self
    }

    /// Makes the application the API's authorizer, as in [`Router::authorize`]. It runs before each `$connect`. The
    /// identity sources are `route.request.header.NAME` and `route.request.querystring.NAME`; there may be none. A
    /// client without one of them is rejected with 401 before the authorizer runs (conformance B9).
    ///
    /// ```
    /// # use lambda_ws::{Authorizer, Error, Router, auth::{Policy, Token}, testing::Gateway};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// async fn authorize(token: Token) -> Result<Policy, Error> {
    ///     match token.matches("s3cret") {
    ///         true => Ok(Policy::allow("ann")),
    ///         false => Err(Error::unauthorized("the token is unknown")),
    ///     }
    /// }
    ///
    /// let gateway = Gateway::new(Router::new().authorize(authorize))
    ///     .authorizer(["route.request.querystring.token"]);
    /// assert!(gateway.connect("/?token=s3cret").await.is_ok());
    /// assert_eq!(gateway.connect("/?token=guess").await.unwrap_err().status, 401);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If an identity source is not valid.
    ///
    /// [`Router::authorize`]: crate::Router::authorize
    #[track_caller]
    pub fn authorizer<'s>(mut self, sources: impl IntoIterator<Item = &'s str>) -> Self {
        let mut read = Vec::new();
        for source in sources {
            match source.parse() {
                Ok(source) => read.push(source),
                Err(error) => panic!("{error}"),
            }
        }
        Arc::make_mut(&mut self.0.api).authorizer = Some(read);
        self
    }

    /// Sets the route selection expression. The default is `$request.body.action`.
    ///
    /// # Panics
    ///
    /// If the expression is not valid.
    #[track_caller]
    pub fn expression(mut self, expression: &str) -> Self {
        match expression.parse() {
            Ok(expression) => Arc::make_mut(&mut self.0.api).expression = expression,
            Err(error) => panic!("{error}"),
        }
        self
    }

    /// Connects a client, as `new WebSocket(uri)` does.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if `$connect` rejects the client.
    pub async fn connect(&self, uri: &str) -> Result<Client, Refusal> {
        self.request(uri).connect().await
    }

    /// Creates a handshake with headers, sub-protocols or an authorizer context. Only the query string of the URI
    /// matters.
    ///
    /// ```
    /// # use lambda_ws::{Protocols, Accept, Router, testing::Gateway};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let router = Router::new().connect(async |p: Protocols| p.choose(&["chat.v1"]).unwrap_or_default());
    /// let gateway = Gateway::new(router);
    /// let request = gateway.request("/?user=bob").header("Cookie", "a=b").protocol("chat.v1");
    /// let bob = request.connect().await.expect("accepted");
    /// assert_eq!(bob.protocol(), Some("chat.v1"));
    /// # }
    /// ```
    pub fn request(&self, uri: &str) -> Request {
        Request::new(self.0.clone(), uri)
    }

    /// Advances the clock. Connections that are idle for 10 minutes or open for 2 hours are closed on the way, each
    /// with its `$disconnect` at its time (conformance F5, F6).
    pub async fn advance(&self, duration: Duration) {
        let shared = &self.0.shared;
        let _action = shared.action();
        let until = shared.now() + duration;
        loop {
            let next = shared.sockets().next_deadline();
            let Some((deadline, ids)) = next.filter(|(deadline, _)| *deadline <= until) else {
                break;
            };
            shared.set_now(deadline.max(shared.now()));
            shared.change(|sockets| {
                for id in &ids {
                    // It may be closed already.
                    let _ = sockets.close(id, CloseReason::GOING_AWAY);
                }
            });
            shared.send_disconnects().await;
        }
        shared.set_now(until);
    }

    /// Returns the time in the application's events.
    pub fn now(&self) -> Timestamp {
        self.0.shared.now()
    }

    /// Invokes the application with an event that does not come from its API, such as a
    /// [publish](crate::run#publishing) event, directly or by SNS, SQS or EventBridge.
    ///
    /// ```
    /// # use lambda_ws::{Error, Opening, Router, testing::Gateway};
    /// # use serde_json::json;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// async fn connect(me: Opening) -> Result<(), Error> {
    ///     Ok(me.join("prices")?)
    /// }
    ///
    /// let gateway = Gateway::new(Router::new().connect(connect));
    /// let mut ann = gateway.connect("/").await.expect("accepted");
    /// let event = json!({"publish": {"room": "prices", "data": {"tea": 3}}});
    /// let published = gateway.invoke(event).await.expect("published");
    /// assert_eq!(published["sent"], 1);
    /// assert_eq!(ann.recv().await, r#"{"tea":3}"#);
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The function's error, as its caller sees it.
    ///
    /// # Panics
    ///
    /// If JSON cannot express the event.
    ///
    /// [`Router::on`]: crate::Router::on
    /// [`Router::event`]: crate::Router::event
    pub async fn invoke(&self, event: impl Serialize) -> Result<serde_json::Value, String> {
        let shared = &self.0.shared;
        let _action = shared.action();
        let event = serde_json::to_string(&event).expect("an event is JSON");
        let done = shared.call(event).await;
        shared.send_disconnects().await;
        let json = done.map_err(|error| error.to_string())?;
        Ok(serde_json::from_slice(&json).expect("the application answers in JSON"))
    }

    /// Returns a sender of a program that serves no events, such as a job or another function.
    pub fn sender(&self) -> Sender {
        self.0.shared.sender.clone()
    }

    /// Returns tickets of a program that serves no events, such as the page's HTTPS API.
    pub fn tickets(&self) -> Tickets {
        Tickets::of(self.sender())
    }

    /// Returns the connection store.
    pub fn store(&self) -> &Memory {
        &self.0.shared.store
    }

    /// Returns the events of the application, in order.
    pub fn events(&self) -> Vec<Invocation> {
        self.0.shared.invocations().clone()
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
