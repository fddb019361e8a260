//! The transports of messages to clients.

#[cfg(feature = "apigateway")]
mod lean;
#[cfg(feature = "apigateway")]
mod sdk;
#[cfg(all(test, feature = "apigateway"))]
pub(crate) mod tests;

#[cfg(feature = "apigateway")]
pub use lean::ApiGateway;
#[cfg(feature = "apigateway")]
pub use sdk::AwsSdk;

#[cfg(feature = "sdk")]
pub use crate::https::sdk::https_client;

#[cfg(feature = "apigateway")]
use crate::error::BoxError;
use crate::error::SendError;
use crate::payload::Payload;
use crate::{ConnectionId, Timestamp};
use futures_util::future::BoxFuture;
use std::future::Future;
use tracing::info;

/// The access to clients through a management API. Implement it with plain `async fn`s.
///
/// An operation is one attempt. The [`Sender`](crate::Sender) retries, and confirms that a connection is gone.
pub trait Transport: Send + Sync + 'static {
    /// Sends a message to a client.
    ///
    /// # Errors
    ///
    /// [`SendError::Gone`] for status 410, and for 400, which API Gateway returns for an id that never existed
    /// (conformance G6). Other errors match their names.
    fn post(
        &self,
        id: &ConnectionId,
        payload: &Payload,
    ) -> impl Future<Output = Result<(), SendError>> + Send;

    /// Closes a connection with code 1000 (conformance G9).
    ///
    /// # Errors
    ///
    /// As [`Transport::post`].
    fn close(&self, id: &ConnectionId) -> impl Future<Output = Result<(), SendError>> + Send;

    /// Returns the state of a connection.
    ///
    /// # Errors
    ///
    /// As [`Transport::post`].
    fn inspect(
        &self,
        id: &ConnectionId,
    ) -> impl Future<Output = Result<Inspection, SendError>> + Send;

    /// Returns the URL of the management API, without `/@connections`.
    fn url(&self) -> &str;
}

/// The state of a connection from GetConnection (conformance G5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The time when it was opened.
    pub connected_at: Timestamp,
    /// The time of the last message.
    pub last_active_at: Timestamp,
    /// The client's address.
    pub source_ip: String,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
}

type Op<'a, T> = BoxFuture<'a, Result<T, SendError>>;

/// [`Transport`] as a trait object: the same operations, boxed.
pub(crate) trait DynTransport: Send + Sync {
    fn post<'a>(&'a self, id: &'a ConnectionId, payload: &'a Payload) -> Op<'a, ()>;
    fn close<'a>(&'a self, id: &'a ConnectionId) -> Op<'a, ()>;
    fn inspect<'a>(&'a self, id: &'a ConnectionId) -> Op<'a, Inspection>;
    fn url(&self) -> &str;
}

impl<T: Transport> DynTransport for T {
    fn post<'a>(&'a self, id: &'a ConnectionId, payload: &'a Payload) -> Op<'a, ()> {
        Box::pin(Transport::post(self, id, payload))
    }

    fn close<'a>(&'a self, id: &'a ConnectionId) -> Op<'a, ()> {
        Box::pin(Transport::close(self, id))
    }

    fn inspect<'a>(&'a self, id: &'a ConnectionId) -> Op<'a, Inspection> {
        Box::pin(Transport::inspect(self, id))
    }

    fn url(&self) -> &str {
        Transport::url(self)
    }
}

/// Logs all operations and sends nothing. `sam local` uses it, because it has no websockets but passes the
/// developer's real credentials.
pub(crate) struct LogOnly;

impl Transport for LogOnly {
    async fn post(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        info!(to = %id, bytes = payload.bytes().len(), "a message is not sent, because this environment has no websockets");
        Ok(())
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        info!(connection = %id, "a connection is not closed, because this environment has no websockets");
        Ok(())
    }

    async fn inspect(&self, _: &ConnectionId) -> Result<Inspection, SendError> {
        Ok(Inspection::default())
    }

    fn url(&self) -> &str {
        "log:"
    }
}

/// Fails all operations: it is for events that do not tell where connections are.
pub(crate) struct NoEndpoint;

impl Transport for NoEndpoint {
    async fn post(&self, _: &ConnectionId, _: &Payload) -> Result<(), SendError> {
        Err(SendError::NoEndpoint)
    }

    async fn close(&self, _: &ConnectionId) -> Result<(), SendError> {
        Err(SendError::NoEndpoint)
    }

    async fn inspect(&self, _: &ConnectionId) -> Result<Inspection, SendError> {
        Err(SendError::NoEndpoint)
    }

    fn url(&self) -> &str {
        ""
    }
}

/// A function that creates a transport to the management API at a URL. A program contains only the client that its
/// function creates.
#[cfg(feature = "apigateway")]
pub(crate) type Connect = fn(&aws_config::SdkConfig, &str) -> std::sync::Arc<dyn DynTransport>;

/// Creates an [`ApiGateway`].
#[cfg(feature = "apigateway")]
pub(crate) fn lean(config: &aws_config::SdkConfig, url: &str) -> std::sync::Arc<dyn DynTransport> {
    std::sync::Arc::new(ApiGateway::new(config, url))
}

/// Creates an [`AwsSdk`].
#[cfg(feature = "apigateway")]
pub(crate) fn sdk(config: &aws_config::SdkConfig, url: &str) -> std::sync::Arc<dyn DynTransport> {
    std::sync::Arc::new(AwsSdk::new(config, url))
}

/// Rejects an id that would change the path to another resource.
#[cfg(feature = "apigateway")]
fn check_id(id: &ConnectionId) -> Result<(), SendError> {
    match id.as_str().bytes().all(|byte| byte == b'.') {
        true => Err(SendError::Gone),
        false => Ok(()),
    }
}

/// Returns the error of a status (conformance G6).
#[cfg(feature = "apigateway")]
fn status_error(url: &str, status: Option<u16>, source: BoxError) -> SendError {
    match status {
        Some(400 | 410) => SendError::Gone,
        Some(403) => SendError::Forbidden {
            url: url.to_owned(),
        },
        Some(413) => SendError::TooLarge,
        Some(429) => SendError::Throttled,
        Some(status @ 401..500) => SendError::Refused { status, source },
        _ => SendError::Unavailable(source),
    }
}

#[cfg(feature = "apigateway")]
/// Converts a time of the SDK. A missing time becomes the epoch.
fn timestamp(time: Option<&aws_sdk_apigatewaymanagement::primitives::DateTime>) -> Timestamp {
    let millis = time.and_then(|time| time.to_millis().ok());
    Timestamp::from_millis(millis.and_then(|ms| ms.try_into().ok()).unwrap_or_default())
}
