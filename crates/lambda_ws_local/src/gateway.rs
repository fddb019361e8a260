//! The local API Gateway: WebSockets at `ws://host:port/{stage}` and the management API at
//! `http://host:port/{stage}/@connections/{id}`, on one port.
//!
//! A [`Gateway`] serves one stage of one [`Api`]. Each [`Route`] has an [`Integration`]. The gateway creates the events
//! and handles the responses like AWS. Conformance numbers refer to the project's list of rules of the real service.
//!
//! ```no_run
//! use bytes::Bytes;
//! use lambda_ws_local::gateway::{Api, Gateway, Integration, Invocation, Options, Route};
//! use std::sync::Arc;
//!
//! struct Accepting;
//!
//! impl Integration for Accepting {
//!     fn invoke(&self, _event: Bytes, _request_id: &str) -> Invocation {
//!         Box::pin(async { Ok(Bytes::from_static(br#"{"statusCode":200}"#)) })
//!     }
//! }
//!
//! # async fn serve() -> std::io::Result<()> {
//! let mut api = Api::new("abcd1234", "dev");
//! api.routes.insert("$default".to_owned(), Route::new(Arc::new(Accepting)));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let gateway = Gateway::new(api, Options::default());
//! println!("management API: {}", gateway.management_url(listener.local_addr()?));
//! gateway.serve(listener, std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

mod accept;
mod api;
mod authorize;
mod connection;
mod events;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod handle;
mod http;
mod integration;
mod management;
mod message;
mod model;
mod options;
mod serve;
mod socket;
mod state;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod throttle;
mod time;

pub use crate::activity::{Operation, OperationKind, Outcome, Snapshot};
pub use api::{
    Api, ApiKey, ApiKeySource, ApiKeys, Authorization, Authorizer, InvalidApiKeySource, Route,
};
pub use handle::{Audience, Gateway, Page, PageBody, Pages, reachable};
pub use http::{Tls, TlsError};
pub use integration::{Integration, IntegrationError, Invocation};
pub use lambda_ws_protocol::event::EventShape;
pub use model::{Models, Schema, SchemaError};
pub use options::{Clock, Fault, Options, Script};
pub use throttle::{Rate, RateLimits, Throttle};
pub use time::{Time, TimeError};
