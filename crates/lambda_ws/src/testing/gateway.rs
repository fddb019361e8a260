//! The gateway.

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

/// An API in memory; clones are the same API.
///
/// It knows the routes `$connect`, `$disconnect` and `$default`, selects on `$request.body.action`,
/// and its time stands still: see [the module](crate::testing) for an example.
#[derive(Clone)]
pub struct Gateway(Handle);

impl Gateway {
    /// An API whose events `router` serves.
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

    /// Adds routes that the API itself knows, besides `$connect`, `$disconnect` and `$default`.
    pub fn route_keys<'k>(self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        self.routes(keys, false)
    }

    /// Adds routes that have a route response: the client gets the response's body (conformance E2).
    pub fn two_way<'k>(self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        self.routes(keys, true)
    }

    /// Removes the route `$default`: a message that selects no other is answered by API Gateway
    /// itself, with an error frame (conformance D4).
    pub fn without_default(mut self) -> Self {
        Arc::make_mut(&mut self.0.api).routes.remove("$default");
        self
    }

    fn routes<'k>(mut self, keys: impl IntoIterator<Item = &'k str>, two_way: bool) -> Self {
        let routes = keys.into_iter().map(|key| (key.to_owned(), two_way));
        Arc::make_mut(&mut self.0.api).routes.extend(routes);
        self
    }

    /// Makes the application the authorizer of its API too, as [`Router::authorize`] has it: it is asked
    /// before each `$connect`, once a handshake has all identity sources, which are
    /// `route.request.header.NAME` and `route.request.querystring.NAME`; there may be none. A client
    /// without one of them is refused with 401, and the application is not asked (conformance B9).
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
    /// If one is no identity source.
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

    /// Selects routes by another expression than `$request.body.action`.
    ///
    /// # Panics
    ///
    /// If it is no route selection expression.
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
    /// [`Refusal`], if `$connect` refuses it.
    pub async fn connect(&self, uri: &str) -> Result<Client, Refusal> {
        self.request(uri).connect().await
    }

    /// A client's request with more than a URI: headers, sub-protocols, what an authorizer said. Of
    /// the URI only the query string matters.
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

    /// Moves the clock, and closes on the way whom API Gateway closes: who has been idle for 10
    /// minutes or connected for 2 hours. Their `$disconnect` follows, each at its time (conformance
    /// F5, F6).
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
                    // It may have been closed meanwhile.
                    let _ = sockets.close(id, CloseReason::GOING_AWAY);
                }
            });
            shared.tell_ends().await;
        }
        shared.set_now(until);
    }

    /// The time, as the application's events have it.
    pub fn now(&self) -> Timestamp {
        self.0.shared.now()
    }

    /// Invokes the application with any event: what others [publish](crate::run#publishing), directly or by SNS, SQS or
    /// EventBridge; an event for [`Router::on`] or [`Router::event`]; an HTTP request of API Gateway. It is JSON, or a type
    /// of `aws_lambda_events`, such as an `S3Event` or an `ApiGatewayWebsocketProxyRequest`.
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
        shared.tell_ends().await;
        let json = done.map_err(|error| error.to_string())?;
        Ok(serde_json::from_slice(&json).expect("the application answers in JSON"))
    }

    /// Sends as a program does that serves no events: a job, another function.
    pub fn sender(&self) -> Sender {
        self.0.shared.sender.clone()
    }

    /// Issues tickets as a program does that serves no events: a page's HTTPS API.
    pub fn tickets(&self) -> Tickets {
        Tickets::of(self.sender())
    }

    /// The store of the connections.
    pub fn store(&self) -> &Memory {
        &self.0.shared.store
    }

    /// The events the application has seen, in order.
    pub fn events(&self) -> Vec<Invocation> {
        self.0.shared.invocations().clone()
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
