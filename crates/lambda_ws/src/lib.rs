//! Serverless websockets: handlers for the events of an Amazon API Gateway WebSocket API, in one AWS Lambda function.
//!
//! API Gateway keeps the sockets. It invokes the function when a client connects, sends a message or disconnects. The
//! function sends messages through the management API. This library routes the events to handlers, registers
//! connections, users and rooms in one DynamoDB table, and sends messages to one client or to many.
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
//! #[derive(Deserialize)]
//! struct Say {
//!     room: String,
//!     text: String,
//! }
//!
//! async fn connect(me: Opening, Query(place): Query<Place>) -> Result<(), Error> {
//!     me.join(&place.room)?;
//!     me.announce(&place.room, "a new client joined")?;
//!     Ok(())
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
//! The same program runs in Lambda, and on a laptop behind `lambda-ws-local`, a local API Gateway.
//!
//! # Guide
//!
//! | chapter | content |
//! |---|---|
//! | [Getting started](guide::getting_started) | from an empty folder to a deployed program |
//! | [Routing](guide::routing) | routes, the fallback, two-way routes |
//! | [Handlers](guide::handlers) | extractors, responses and shared state |
//! | [Layers](guide::layers) | tower middleware around the router |
//! | [Connections](guide::connections) | connections, users, rooms and sessions |
//! | [Sending](guide::sending) | messages to one client, a room, a user or everyone |
//! | [Delivery](guide::delivery) | delivery guarantees, gone clients, slow clients, rate limits |
//! | [Lossless rooms](guide::lossless_rooms) | rooms whose members receive every message once and in order |
//! | [Tasks](guide::tasks) | welcome messages and large broadcasts in follow-up invocations |
//! | [Presence](guide::presence) | which users are in a room, and when they join and leave |
//! | [Key-value storage](guide::key_value) | data that outlives a connection |
//! | [Errors](guide::errors) | what clients and logs get |
//! | [Authentication](guide::authentication) | tokens, cookies, tickets, JWTs and Lambda authorizers |
//! | [Other events](guide::other_events) | schedules, queues, buckets and HTTP requests in the same function |
//! | [Publishing](guide::publishing) | messages from jobs, queues and other services |
//! | [Admin events](guide::admin) | count, list, show and disconnect connections of a deployed function |
//! | [Testing](guide::testing) | an API in memory, with its own clock |
//! | [The local gateway](guide::local_gateway) | a local API Gateway, Lambda and DynamoDB |
//! | [Deployment](guide::deployment) | the template, permissions, updates and rollback |
//! | [Runtime loop, concurrency and snapshots](guide::runtime) | layers of `lambda_runtime`, several events at once, SnapStart, shutdown |
//! | [Operations](operations) | metrics, alarms and logs |
//! | [Tracing](guide::tracing) | X-Ray and OpenTelemetry |
//! | [Limits of clients](guide::client_limits) | protection against abuse: messages, bytes, handshakes and connections |
//! | [Limits](guide::limits) and [costs](guide::costs) | of API Gateway and of this library |
//! | [A million connections](guide::million) | a simulation: what fails first, quotas, costs |
//! | [Cookbook](guide::cookbook) | twelve tested recipes |
//! | [Comparison](guide::comparison) | AppSync Events, AWS Blocks, Hotsock, Centrifugo and others |
//! | [Glossary](guide::glossary) | the terms of this documentation |
//!
//! Tables for users of [Nitric](guide::coming_from::nitric), [Chalice](guide::coming_from::chalice) and the
//! [AWS SDK](guide::coming_from::aws_sdk) show each call of those tools beside the call of this library.
//!
//! # Feature flags
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `apigateway` | yes | sending through the API Gateway Management API |
//! | `dynamodb` | yes | the connection store in DynamoDB |
//! | `http` | no | `Router::http`, which serves the HTTP events of API Gateway, function URLs and load balancers |
//! | `jwt` | no | `auth::Jwt`, which verifies the JSON Web Tokens of an identity provider |
//! | `otel` | no | `otel::Otel`, which sends traces to a collector of OpenTelemetry |
//!
//! Without `apigateway` and `dynamodb` the library does not depend on the AWS SDK. [`App`] then needs a
//! [`Transport`](transport::Transport) and a [`Store`](store::Store). The features `https` and `sdk` are internal.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod admin;
mod app;
pub mod auth;
mod backoff;
mod client_limits;
mod clock;
mod connection;
mod context;
mod effects;
mod error;
mod event;
pub mod extract;
pub mod guide;
mod handler;
mod https;
mod json;
pub mod kv;
mod metrics;
pub mod operations;
#[cfg(feature = "otel")]
pub mod otel;
mod payload;
mod policy;
mod presence;
mod random;
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
mod trace;
pub mod transport;

pub use app::{App, AppResponse, AppService, InvocationError, run};
pub use client_limits::{ClientLimits, LimitScope, Limited, LimitedResource, Rate, Reaction};
pub use connection::{Connection, Opening};
pub use context::Context;
pub use error::{BoxError, Error, SendError};
pub use event::{
    AnyEvent, Authorize, Changed, Connect, Disconnect, Event, EventData, EventSource, Joined, Kind,
    Left, Message, Opened, Subscribe, Trigger,
};
pub use extract::{
    Authorizer, Close, Extension, FromEvent, FromRef, OptionalFromEvent, Protocols, Query, Raw,
    Rooms, RouteKey, Session, State, User,
};
pub use handler::Handler;
pub use json::Json;
pub use kv::{Kv, Namespaced};
pub use lambda_ws_protocol::{ConnectionId, Position, Timestamp, limits};
pub use payload::{IntoPayload, Payload};
pub use presence::{PresenceChange, PresenceData, UserPresence};
pub use response::{Accept, IntoResponse, IntoResult, Response, TwoWay};
pub use router::{Channels, Router, RouterService};
pub use sender::{Audience, Bye, Delivery, Publication, RoomPresence, Sender};
pub use store::History;
pub use task::Remaining;
