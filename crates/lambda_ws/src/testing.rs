//! A websocket API in memory, for the tests of an application.
//!
//! [`Gateway`] replaces API Gateway, DynamoDB and Lambda. It creates the same events, and the library handles them
//! with the same code. Connections, rooms and messages are real, but stay in the process. Tests open no ports and do
//! not sleep, and only [`Gateway::advance`] moves the clock.
//!
//! ```
//! use lambda_ws::testing::Gateway;
//! use lambda_ws::{Connection, Error, Json, Opening, Query, Router};
//! use serde::Deserialize;
//! use std::time::Duration;
//!
//! #[derive(Deserialize)]
//! struct Who {
//!     user: String,
//! }
//!
//! async fn connect(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
//!     me.user(&who.user)?;
//!     me.join("tea")?;
//!     Ok(())
//! }
//!
//! #[derive(Deserialize)]
//! struct Say {
//!     text: String,
//! }
//!
//! async fn say(me: Connection, Json(say): Json<Say>) -> Result<(), Error> {
//!     me.room("tea").send(say.text).await?;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // In a program: `#[tokio::test] async fn a_room_receives_its_messages()`.
//! let gateway = Gateway::new(Router::new().connect(connect).route("say", say));
//!
//! let mut ann = gateway.connect("/?user=ann").await.expect("accepted");
//! let mut bob = gateway.connect("/?user=bob").await.expect("accepted");
//! ann.send(r#"{"action":"say","text":"hi"}"#).await;
//! assert_eq!(ann.recv().await, "hi");
//! assert_eq!(bob.recv().await, "hi");
//!
//! let refused = gateway.connect("/").await.expect_err("no user");
//! assert_eq!(refused.status, 400);
//!
//! // A job outside the API, and ten minutes without messages.
//! gateway.sender().user("bob").send("psst").await.expect("sent");
//! assert_eq!(bob.recv().await, "psst");
//! gateway.advance(Duration::from_secs(10 * 60)).await;
//! assert_eq!(bob.closed(), Some((1001, "Going away")));
//! # }
//! ```
//!
//! An action of a client ends after all its consequences: its invocation, follow-up tasks, and the `$disconnect` of
//! connections that it closed. So a message exists by then or never arrives, and [`Client::recv`] fails at once
//! without one. It waits only during concurrent actions (`tokio::join!`, `tokio::spawn`).
//!
//! The library's pauses before retries and the grace period of presence are skipped. The application's own pauses are
//! real: `#[tokio::test(start_paused = true)]` skips those.

mod answer;
mod authorizer;
mod backend;
mod client;
mod gateway;
mod process;
mod request;
mod shared;
mod socket;
#[cfg(test)]
mod tests;

pub use answer::answer;
pub use client::Client;
pub use gateway::Gateway;
pub use process::Process;
pub use request::{Refusal, Request};
pub use shared::Invocation;
