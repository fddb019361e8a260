//! Serverless websockets: handlers for the events of an Amazon API Gateway WebSocket API, in one AWS
//! Lambda function.
//!
//! API Gateway keeps the sockets and invokes a function when a client connects, sends or leaves; the
//! function's messages go back through the management API. This library brings the events to
//! handlers, keeps who is connected, as whom and in which rooms, and sends to one client or to many.
//!
//! - [From nothing to a deployed program](#from-nothing-to-a-deployed-program)
//! - [A program](#a-program)
//! - [Routing](#routing)
//! - [Extractors](#extractors) and [responses](#responses)
//! - [Who a client is](#who-a-client-is)
//! - [Rooms, users, sessions](#rooms-users-sessions), [presence](#presence) and [values](#values)
//! - [Sending](#sending), [after the event](#after-the-event)
//! - [Errors](#errors)
//! - [State and layers](#state-and-layers)
//! - [Testing](#testing)
//! - [The local gateway](#the-local-gateway)
//! - [Deployment](#deployment), [environment](#environment), [operations]
//! - [Limits](#limits) and [costs](#costs)
//!
//! Coming from [Nitric](coming_from::nitric), [Chalice](coming_from::chalice) or
//! [the AWS SDK](coming_from::aws_sdk)? There each call has ours beside it.
//!
//! # From nothing to a deployed program
//!
//! With Rust, in a checkout of this repository (nothing is on crates.io yet):
//!
//! ```text
//! cargo install --path crates/lambda_ws_local
//! cd .. && lambda-ws-local new tea-room --lambda-ws lambda_ws
//! cd tea-room
//! cargo test                                                   # its handlers, in memory
//! lambda-ws-local                                              # builds it, and serves it as AWS would
//! lambda-ws-local connect 'ws://127.0.0.1:3001/dev?user=ann'   # in another terminal
//! ```
//!
//! `src/main.rs` is what is yours. To deploy it, with AWS credentials, the
//! [SAM CLI](https://docs.aws.amazon.com/serverless-application-model/) and
//! [cargo-lambda](https://www.cargo-lambda.info):
//!
//! ```text
//! sam build && sam deploy --guided
//! ```
//!
//! The stack's output `Url` is where clients connect: `lambda-ws-local connect 'wss://..?user=ann'`.
//!
//! # A program
//!
//! ```no_run
//! use lambda_ws::{Connection, Error, Json, Opening, Query, Router};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Place {
//!     room: String,
//! }
//!
//! async fn connect(me: Opening, Query(place): Query<Place>) -> Result<(), Error> {
//!     me.join(&place.room)?;
//!     me.announce(&place.room, "somebody is here")?;
//!     Ok(())
//! }
//!
//! #[derive(Deserialize)]
//! struct Say {
//!     room: String,
//!     text: String,
//! }
//!
//! async fn say(me: Connection, Json(say): Json<Say>) -> Result<(), Error> {
//!     me.room(&say.room).send(say.text).await?;
//!     Ok(())
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Error> {
//!     lambda_ws::run(Router::new().connect(connect).route("say", say)).await
//! }
//! ```
//!
//! The same program runs on a laptop behind `lambda-ws-local`, a local API Gateway, and in Lambda.
//!
//! # Routing
//!
//! A [`Router`] has a handler for each kind of event: [`connect`](Router::connect) for `$connect`,
//! [`disconnect`](Router::disconnect) for `$disconnect`, and for messages any number of
//! [routes](Router::route) and a [`fallback`](Router::fallback). Without the first every client is
//! accepted, without the last a message that no route is for is answered with an error.
//!
//! A message goes to the route that API Gateway selected. If that is `$default`, the router selects
//! one itself, on the JSON member `action`: so a template needs no routes but `$connect`,
//! `$disconnect` and `$default`.
//!
//! ```
//! use lambda_ws::{Router, RouteKey};
//!
//! async fn which(RouteKey(key): RouteKey) -> String {
//!     key
//! }
//!
//! let tea = Router::new().route("pour", which).route("drink", which);
//! let app: Router = Router::new()
//!     .merge(tea)
//!     .fallback(async || "what?")
//!     .select_on("type");
//! # use lambda_ws::testing::Gateway;
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mut ann = Gateway::new(app).connect("/").await.unwrap();
//! # ann.send(r#"{"type":"pour"}"#).await;
//! # ann.send("hello").await;
//! # assert_eq!(ann.recv_all(), ["pour", "what?"]);
//! # });
//! ```
//!
//! # Extractors
//!
//! A handler is an async function of up to 8 extractors: what it asks for is what it gets. Not every
//! event has everything, and the compiler knows: a message has no query string, and a client whose
//! `$connect` is running cannot be sent to (AWS answers 410), so `$connect` has an [`Opening`] and no
//! [`Connection`].
//!
//! | in | there are |
//! |---|---|
//! | all handlers | [`Sender`], [`Kv`], [`State`], [`Extension`] |
//! | all but [`left`](Router::left) | [`ConnectionId`], [`Context`] |
//! | `$connect` | [`Opening`], [`Query`], [`HeaderMap`](http::HeaderMap), [`Protocols`], those of [`auth`] |
//! | [`authorize`](Router::authorize) | those of `$connect` but [`Opening`] |
//! | [`opened`](Router::opened), messages | [`Connection`] |
//! | messages | [`Json`], `String`, `Bytes`, [`RouteKey`] |
//! | [`opened`](Router::opened), messages, `$disconnect` | [`Session`], [`User`], [`Rooms`] |
//! | `$connect`, [`opened`](Router::opened), messages, `$disconnect` | [`Authorizer`] |
//! | `$disconnect` | [`Close`] |
//! | [`joined`](Router::joined), [`left`](Router::left) | [`PresenceChange`] |
//!
//! An extraction that fails is answered for the handler; `Result<E, E::Rejection>` leaves that to the
//! handler, and `Option<E>` is for what may be absent. Your own extractors implement [`FromEvent`];
//! see [`extract`].
//!
//! ```compile_fail,E0277
//! # use lambda_ws::{Query, Router};
//! async fn say(Query(user): Query<String>) {}
//!
//! let router: Router = Router::new().route("say", say); // a message has no query string
//! ```
//!
//! # Responses
//!
//! `$connect` accepts with `()`, or with [`Accept`] and a sub-protocol, and refuses with a status. What
//! a message handler returns, text or [`Json`], is sent to the client the message came from; see
//! [`IntoResponse`].
//!
//! ```
//! use http::StatusCode;
//! use lambda_ws::{Accept, Json, Protocols, Router};
//!
//! async fn connect(protocols: Protocols) -> Result<Accept, StatusCode> {
//!     protocols.choose(&["sum.v1"]).ok_or(StatusCode::BAD_REQUEST)
//! }
//!
//! async fn sum(Json(numbers): Json<Vec<f64>>) -> Json<f64> {
//!     Json(numbers.iter().sum())
//! }
//!
//! let app: Router = Router::new().connect(connect).fallback(sum);
//! ```
//!
//! # Who a client is
//!
//! Browsers cannot add headers to a handshake; [`auth`] has the ways that they and others can bring a
//! token, a cookie, a ticket or a JWT, and the function as its API's Lambda authorizer.
//!
//! # Rooms, users, sessions
//!
//! The library keeps a record of every connection, from the moment `$connect` accepts it until it
//! ends or is found gone: the user it belongs to, the rooms it is in, and a session, which is any JSON
//! of yours. What [`Opening`] declares is written once the handler has accepted; if that fails, the
//! client is refused: who is connected is always registered.
//!
//! ```
//! use lambda_ws::{Connection, Error, Json, Opening, Rooms, Router, Sender, Session, User};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Visit {
//!     messages: u32,
//! }
//!
//! async fn connect(me: Opening) -> Result<(), Error> {
//!     me.user("ann")?;
//!     me.join("tea")?;
//!     me.save(&Visit { messages: 0 })?;
//!     Ok(())
//! }
//!
//! async fn count(me: Connection, Session(mut visit): Session<Visit>) -> Result<Json<u32>, Error> {
//!     visit.messages += 1;
//!     // Fails if another message of this connection saved meanwhile: nothing is lost unnoticed.
//!     me.save(&visit).await?;
//!     Ok(Json(visit.messages))
//! }
//!
//! async fn move_on(me: Connection, Json(room): Json<String>) -> Result<(), Error> {
//!     me.switch_room(&room).await?; // out of all other rooms, at once
//!     Ok(())
//! }
//!
//! async fn disconnect(user: Option<User>, Rooms(rooms): Rooms, sender: Sender) -> Result<(), Error> {
//!     for room in rooms {
//!         sender.room(room).send(format!("{user:?} left")).await?;
//!     }
//!     Ok(())
//! }
//!
//! let app: Router = Router::new()
//!     .connect(connect)
//!     .disconnect(disconnect)
//!     .route("count", count)
//!     .fallback(move_on);
//! ```
//!
//! Lambda runs the messages of one connection concurrently, so every change of a record is atomic.
//! `$disconnect` may come late or never: who is gone is found out when somebody sends to it, and
//! everything expires. Records are kept in one DynamoDB table, [in memory](store::Memory), or in
//! [any store](store::Store).
//!
//! # Presence
//!
//! A user may have several connections, in several tabs and devices, and loses one now and then. The hooks
//! [`joined`](Router::joined) and [`left`](Router::left) are called once for each user and room: with the
//! first connection and after the last. `left` is called only if the user does not come back within a
//! [grace](Router::grace). Users who come or go at about the same time are announced together.
//! [`Sender::presence`] lists and counts the users in a room.
//!
//! ```
//! use lambda_ws::{Error, PresenceChange, Router, Sender};
//!
//! async fn left(PresenceChange { room, users }: PresenceChange, sender: Sender) -> Result<(), Error> {
//!     sender.room(room).send(format!("left: {}", users.join(", "))).await?;
//!     Ok(())
//! }
//!
//! let app: Router = Router::new().left(left);
//! ```
//!
//! # Values
//!
//! What is to outlive connections, scores or settings or who may speak, is a value of a [`Kv`], by key,
//! in the same table. A type says in which namespace its values are, and handlers ask for them by it.
//!
//! ```
//! use lambda_ws::{Error, Namespaced, Kv, Router, User};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Score(u32);
//!
//! impl Namespaced for Score {
//!     const NAMESPACE: &'static str = "scores";
//! }
//!
//! async fn goal(User(user): User, scores: Kv<Score>) -> Result<String, Error> {
//!     // Whoever else is changing it: none is lost.
//!     let score = scores.update(&user, |score| Score(score.map_or(0, |score| score.0) + 1));
//!     Ok(format!("{} to {user}", score.await?.0))
//! }
//!
//! let app: Router = Router::new().route("goal", goal);
//! ```
//!
//! [`get`](Kv::get), [`set`](Kv::set), [`delete`](Kv::delete) do what they say, [`set_if`](Kv::set_if)
//! only at a version, [`keys`](Kv::keys) streams what begins with a prefix, and
//! [`with_ttl`](Kv::with_ttl) lets values be over after a while. A table that is deleted with its stack
//! takes them with it: give one that matters `DeletionPolicy: Retain`.
//!
//! # Sending
//!
//! [`Connection`] sends to its own client, [`Sender`] to any: by connection, room or user, or to
//! everyone. Outside of an event [`Sender::from_env`] makes one.
//!
//! ```
//! use lambda_ws::{ConnectionId, Error, Json, Sender};
//!
//! async fn news(sender: &Sender, ann: &ConnectionId) -> Result<(), Error> {
//!     sender.send(ann, "text").await?;
//!     let delivery = sender.room("tea").except(ann).send(Json(["json"])).await?;
//!     println!("{} heard it, {} are gone, {} failed", delivery.sent, delivery.gone, delivery.failed);
//!     sender.user("bob").close().await?;
//!     Ok(())
//! }
//! ```
//!
//! A message to many is encoded once and sent page by page, to up to 256 at a time, at the pace of
//! `SEND_RATE`. One who is gone, slow or fails keeps nobody else from getting it; the [`Delivery`] counts
//! each once. What an event has no time for, [tasks](#after-the-event) do; without them it is in
//! [`Delivery::rest`], which [`Sender::resume`] goes on with.
//!
//! # After the event
//!
//! Some things cannot happen in the event that asks for them: a client hears nothing before its `$connect`
//! has returned, and a message to many may outlive 29 s. For those the function invokes itself,
//! asynchronously, if it may (`lambda:InvokeFunction` on itself):
//!
//! - [`Router::opened`] greets a client whose connection is open.
//! - A message to more than can be sent to in time is shared out to tasks. Each keeps how far it is, so
//!   that one which is killed and tried again repeats little and loses nobody.
//!
//! ```
//! use lambda_ws::{Connection, Error, Opening, Router, User};
//!
//! async fn connect(me: Opening) -> Result<(), Error> {
//!     me.user("ann")?;
//!     Ok(())
//! }
//!
//! async fn greet(me: Connection, User(user): User) -> Result<(), Error> {
//!     me.send(format!("welcome, {user}")).await?;
//!     Ok(())
//! }
//!
//! let app: Router = Router::new().connect(connect).opened(greet);
//! # use lambda_ws::testing::Gateway;
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mut ann = Gateway::new(app).connect("/").await.unwrap();
//! # assert_eq!(ann.recv().await, "welcome, ann");
//! # });
//! ```
//!
//! Others reach clients through the function, too: [publishing](run#publishing) is an event of its own.
//!
//! # Errors
//!
//! A handler fails with [`Error`], which any error becomes by `?`. The client of a failed message is
//! sent `{"error": {"code", "message", "requestId"}}`, with `internal` and no detail unless the error is
//! an [`Error::client`]; the cause is logged. The client of a failed `$connect` sees the
//! [status](Error::with_status) alone.
//!
//! ```
//! use lambda_ws::{Error, testing::Gateway, Router};
//!
//! async fn pour() -> Result<(), Error> {
//!     Err(Error::client("empty", "the pot is empty"))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let gateway = Gateway::new(Router::new().route("pour", pour));
//! let mut ann = gateway.connect("/").await.unwrap();
//! ann.send(r#"{"action":"pour"}"#).await;
//! assert!(ann.recv().await.starts_with(r#"{"error":{"code":"empty","message":"the pot is empty","#));
//! # }
//! ```
//!
//! The library's own codes are `bad_message`, `unknown_action`, `too_large` and `internal`.
//!
//! # State and layers
//!
//! What all handlers share is the router's state; a layer of [tower](https://docs.rs/tower) sees every
//! event, and may add an [`Extension`] to it.
//!
//! ```
//! use lambda_ws::{AnyEvent, Extension, Router, State};
//! use tower::ServiceBuilder;
//!
//! #[derive(Clone)]
//! struct Greeting(&'static str);
//!
//! #[derive(Clone)]
//! struct Stage(String);
//!
//! async fn greet(State(Greeting(text)): State<Greeting>, Extension(stage): Extension<Stage>) -> String {
//!     format!("{text} from {}", stage.0)
//! }
//!
//! let router = Router::new().fallback(greet).with_state(Greeting("hello"));
//! let app = ServiceBuilder::new()
//!     .map_request(|mut event: AnyEvent| {
//!         let stage = Stage(event.context().stage().to_owned());
//!         event.extensions_mut().insert(stage);
//!         event
//!     })
//!     .service(router);
//! # use lambda_ws::testing::Gateway;
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mut ann = Gateway::new(app).connect("/").await.unwrap();
//! # ann.send("hi").await;
//! # assert_eq!(ann.recv().await, "hello from test");
//! # });
//! ```
//!
//! # Testing
//!
//! [`testing`] is a whole API in memory, without ports and without waiting:
//!
//! ```
//! use lambda_ws::{Router, testing::Gateway};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let gateway = Gateway::new(Router::new().fallback(async |text: String| text));
//! let mut ann = gateway.connect("/?user=ann").await.expect("accepted");
//! ann.send("hello").await;
//! assert_eq!(ann.recv().await, "hello");
//!
//! gateway.advance(Duration::from_secs(600)).await;
//! assert_eq!(ann.closed(), Some((1001, "Going away")));
//! # }
//! ```
//!
//! # The local gateway
//!
//! `lambda-ws-local` stands where API Gateway, DynamoDB and Lambda do: it reads the `template.yaml`, builds the
//! program and runs it as Lambda would, with AWS's events, limits, errors and close codes.
//!
//! ```text
//! lambda-ws-local                                        # the template's function, built again when it changes
//! lambda-ws-local connect 'ws://127.0.0.1:3001/dev?user=ann'
//! lambda-ws-local invoke events/*.json                   # sample events, without clients
//! lambda-ws-local doctor                                 # what would go wrong on AWS
//! ```
//!
//! At `http://127.0.0.1:3001/_console/` is what happens: each event, its response, log lines, posts and database
//! calls. `--help` tells how time is made to pass faster, how AWS's failures are made to happen, and the rest.
//!
//! # Deployment
//!
//! A template needs an API with the routes `$connect`, `$disconnect` and `$default`, this function behind them,
//! and a table; the project's `template.yaml` has them, with alarms and no permission too many. Once:
//!
//! ```text
//! sam build && sam deploy --guided
//! ```
//!
//! After a change of the program, where `FUNCTION_NAME` is an output of the stack:
//!
//! ```text
//! cargo lambda build --release --arm64 && cargo lambda deploy --binary-name chat FUNCTION_NAME
//! ```
//!
//! # Environment
//!
//! A function needs `CONNECTIONS_TABLE`, the name of a table with the string keys `pk` and `sk`, and
//! should have `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`; [`run`] lists all variables. Both
//! `execute-api:ManageConnections` and access to the table must be allowed.
//!
//! Without the default features `apigateway` and `dynamodb` there is no AWS SDK: [`App`] then takes a
//! [`Transport`](transport::Transport) and a [`Store`](store::Store).
//!
//! # Limits
//!
//! API Gateway's are in [`limits`]: a client's frame of 32 KB, a message of 128 KB either way, 10
//! minutes of silence, 2 hours of connection, 29 seconds for a handler. This library's: names of 1 to
//! 256 bytes, [100](store::MAX_ROOMS) rooms a connection, a session or a value of
//! [32 KB](store::SESSION_BYTES). Messages are text: a client that sends a binary one is disconnected.
//!
//! # Costs
//!
//! In us-east-1, November 2026, without free tiers: API Gateway takes $1.00 for a million messages, in or out, in
//! units of 32 KB, and $0.25 for a million minutes of connection; DynamoDB on demand $0.625 for a million writes
//! and $0.125 for a million reads of 4 KB; Lambda $0.20 for a million events and $0.0000133334 for a GB-second on
//! arm64.
//!
//! A connection that stays for an hour in one room costs 15 millionths of a dollar for its minutes and 2.5 for the
//! four writes of its record and membership; whatever it is sent, one millionth a message. What reading the members of
//! a room adds to that is in [`Audience`]'s table: about a thousandth.

mod app;
pub mod auth;
mod backoff;
mod clock;
pub mod coming_from;
mod connection;
mod context;
mod error;
mod event;
pub mod extract;
mod handler;
#[cfg(feature = "https")]
mod https;
mod id;
mod json;
pub mod kv;
mod metrics;
pub mod operations;
mod payload;
mod presence;
#[cfg(doctest)]
mod readme;
mod response;
mod router;
mod sender;
pub mod store;
mod sync;
mod task;
pub mod testing;
#[cfg(feature = "https")]
mod tls;
pub mod transport;

pub use app::{App, run};
pub use connection::{Connection, Opening};
pub use context::Context;
pub use error::{BoxError, Error, SendError};
pub use event::{
    AnyEvent, Asked, Authorize, Connect, Disconnect, Event, Joined, Kind, Left, Message, Opened,
};
pub use extract::{
    Authorizer, Close, Extension, FromEvent, FromRef, OptionalFromEvent, Protocols, Query, Rooms,
    RouteKey, Session, State, User,
};
pub use handler::Handler;
pub use json::Json;
pub use kv::{Kv, Namespaced};
pub use lambda_ws_protocol::{ConnectionId, Timestamp, limits};
pub use payload::{IntoPayload, Payload};
pub use presence::PresenceChange;
pub use response::{Accept, IntoResponse, Response, TwoWay};
pub use router::Router;
pub use sender::{Audience, Delivery, RoomPresence, Sender};
pub use task::Remaining;
