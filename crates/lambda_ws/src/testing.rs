//! A whole websocket API in memory, for the tests of an application.
//!
//! [`Gateway`] stands in for API Gateway, DynamoDB and Lambda: it writes the same events, the library
//! reads them by the same code, and connections, rooms and messages are real, though nothing leaves
//! the process. No port is opened, nothing sleeps, and time stands still until a test moves it.
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
//! // In a program: `#[tokio::test] async fn a_room_hears_what_is_said_in_it()`.
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
//! // A job that runs elsewhere, and ten silent minutes.
//! gateway.sender().user("bob").send("psst").await.expect("sent");
//! assert_eq!(bob.recv().await, "psst");
//! gateway.advance(Duration::from_secs(10 * 60)).await;
//! assert_eq!(bob.closed(), Some((1001, "Going away")));
//! # }
//! ```
//!
//! What a client does ends when all that follows from it has ended: its invocation, what the
//! application asked itself to do, and the `$disconnect` of whom that closed. So a message is there or never comes, and [`Client::recv`]
//! fails at once if it is not there. Only while something else is under way (`tokio::join!`,
//! `tokio::spawn`) it waits for that.
//!
//! The pauses before the library tries something again are skipped, and so is the grace of users who
//! leave a room. Pauses of the application are
//! real: `#[tokio::test(start_paused = true)]` skips those.

mod answer;
mod authorizer;
mod backend;
mod client;
mod gateway;
mod request;
mod shared;
mod socket;
#[cfg(test)]
mod tests;

pub use answer::answer;
pub use client::Client;
pub use gateway::Gateway;
pub use request::{Refusal, Request};
pub use shared::Invocation;
