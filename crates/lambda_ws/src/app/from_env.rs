//! Constructors that read the environment, for programs that serve no events.

use super::Environment;
use crate::auth::Tickets;
use crate::error::Error;
use crate::kv::Kv;
use crate::sender::Sender;
use crate::transport::LogOnly;
use std::sync::Arc;

impl Sender {
    /// Creates a sender for programs that serve no events, such as jobs or other functions.
    ///
    /// It reads the same environment as [`run`](crate::run), but finds region and credentials like every AWS SDK.
    /// `CONNECTIONS_TABLE` and `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` are required, because there is no event to
    /// derive the endpoint from (conformance K7).
    ///
    /// # Errors
    ///
    /// A required variable is missing. The error names it.
    pub async fn from_env() -> Result<Self, Error> {
        let backend = Environment::process().program(None).await?;
        backend.sender().ok_or_else(|| {
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI is not set, and there is no event to derive it from: \
             expected https://{api-id}.execute-api.{region}.amazonaws.com/{stage}"
                .into()
        })
    }
}

impl<T> Kv<T> {
    /// Returns the values in a namespace of the table in `CONNECTIONS_TABLE`, for programs that serve no websocket
    /// events and send no messages.
    ///
    /// # Errors
    ///
    /// The variable is missing.
    pub async fn from_env(namespace: impl AsRef<str>) -> Result<Self, Error> {
        Ok(Self::new(&sender_without_transport().await?, namespace))
    }
}

impl Tickets {
    /// Creates tickets in the table in `CONNECTIONS_TABLE`, for the program of the page's HTTPS API.
    ///
    /// # Errors
    ///
    /// The variable is missing.
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
