//! How messages reach clients.

#[cfg(feature = "apigateway")]
mod api_gateway;
mod erased;
#[cfg(feature = "apigateway")]
mod lean;
mod log_only;

#[cfg(feature = "apigateway")]
pub use api_gateway::{ApiGateway, Lane};
pub(crate) use erased::DynTransport;
pub(crate) use log_only::LogOnly;

#[cfg(feature = "sdk")]
pub use crate::https::https_client;

use crate::error::SendError;
use crate::payload::Payload;
use crate::{ConnectionId, Timestamp};
use std::future::Future;

/// Reaches clients through a management API. Implement it with plain `async fn`s.
///
/// An operation is one attempt: the [`Sender`](crate::Sender) retries, and makes sure that who is
/// called gone is gone.
pub trait Transport: Send + Sync + 'static {
    /// Sends a message to a client.
    ///
    /// # Errors
    ///
    /// [`SendError::Gone`] for status 410, and for 400, which an id gets that never was one
    /// (conformance G6); the others as their names say.
    fn post(
        &self,
        id: &ConnectionId,
        payload: &Payload,
    ) -> impl Future<Output = Result<(), SendError>> + Send;

    /// Closes a connection, with code 1000 (conformance G9).
    ///
    /// # Errors
    ///
    /// As [`Transport::post`].
    fn close(&self, id: &ConnectionId) -> impl Future<Output = Result<(), SendError>> + Send;

    /// Looks at a connection.
    ///
    /// # Errors
    ///
    /// As [`Transport::post`].
    fn inspect(
        &self,
        id: &ConnectionId,
    ) -> impl Future<Output = Result<Inspection, SendError>> + Send;

    /// Where the management API is, without `/@connections`.
    fn url(&self) -> &str;
}

/// What the management API tells of a connection (conformance G5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// When it was opened.
    pub connected_at: Timestamp,
    /// When the last message passed.
    pub last_active_at: Timestamp,
    /// The client's address.
    pub source_ip: String,
    /// What the client says it is.
    pub user_agent: Option<String>,
}
