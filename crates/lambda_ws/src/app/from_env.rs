//! Constructors that read the environment, for programs that serve no events.

use super::Environment;
use crate::auth::Tickets;
use crate::error::Error;
use crate::kv::Kv;
use crate::sender::Sender;
use crate::transport::LogOnly;
use std::sync::Arc;

impl Sender {
    /// A sender for programs that serve no events: jobs, other functions.
    ///
    /// It reads the same environment as [`run`](crate::run), but finds region and credentials wherever every AWS
    /// SDK looks for them; both `CONNECTIONS_TABLE` and
    /// `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` must be set, because there is no event to tell the
    /// endpoint (conformance K7).
    ///
    /// # Errors
    ///
    /// Which variable is missing.
    pub async fn from_env() -> Result<Self, Error> {
        let backend = Environment::process().program(None).await?;
        backend.sender().ok_or_else(|| {
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI is not set: without an event nothing else tells \
             where to post; it is https://{api-id}.execute-api.{region}.amazonaws.com/{stage}"
                .into()
        })
    }
}

impl<T> Kv<T> {
    /// The values in a namespace of the table named by `CONNECTIONS_TABLE`, for programs that serve no
    /// events of websockets and send no messages.
    ///
    /// # Errors
    ///
    /// If the variable is missing.
    pub async fn from_env(namespace: impl AsRef<str>) -> Result<Self, Error> {
        Ok(Self::new(&sender_without_transport().await?, namespace))
    }
}

impl Tickets {
    /// Keeps tickets in the table named by `CONNECTIONS_TABLE`, for programs that serve no events of
    /// websockets: the one that serves the page's HTTPS API.
    ///
    /// # Errors
    ///
    /// If the variable is missing.
    pub async fn from_env() -> Result<Self, Error> {
        Ok(Self::of(sender_without_transport().await?))
    }
}

/// Returns a sender that only reads and writes the connections table.
async fn sender_without_transport() -> Result<Sender, Error> {
    let nowhere = Some(Arc::new(LogOnly) as _);
    let backend = Environment::process().program(nowhere).await?;
    Ok(backend.sender().expect("a transport is given"))
}
