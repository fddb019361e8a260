//! The management API through the AWS SDK.

use super::lean::{date, differ};
use super::{Inspection, Transport, check_id, status_error, timestamp};
use crate::ConnectionId;
use crate::error::SendError;
use crate::payload::Payload;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::Builder;
use aws_sdk_apigatewaymanagement::config::http::HttpResponse;
use aws_sdk_apigatewaymanagement::error::SdkError;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use std::error::Error;
use std::time::SystemTime;

/// Sends through the API Gateway Management API with the AWS SDK. It returns the same results as
/// [`ApiGateway`](super::ApiGateway), at a higher cost. Use it with a custom HTTP client of the SDK, or to diagnose a
/// problem. Clones share their connections.
#[derive(Debug, Clone)]
pub struct AwsSdk {
    client: Client,
    url: String,
}

impl AwsSdk {
    /// Creates a transport to the management API at `url`:
    /// `https://{api-id}.execute-api.{region}.amazonaws.com/{stage}`.
    pub fn new(config: &SdkConfig, url: impl Into<String>) -> Self {
        let url = url.into();
        let config = Builder::from(config)
            .endpoint_url(url.trim_end_matches('/'))
            // The sender retries, because it knows the transient failures.
            .retry_config(RetryConfig::disabled())
            .build();
        let client = Client::from_conf(config);
        Self { client, url }
    }

    /// Makes a call, and repeats it once if the host's clock differs from this machine's. The SDK learns the host's
    /// time from the first response, but does not retry.
    async fn call<T, E, F>(&self, call: impl Fn() -> F) -> Result<T, SendError>
    where
        E: Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let response = match call().await {
            Err(error) if is_clock_wrong(&error) => call().await,
            response => response,
        };
        response.map_err(|error| {
            let status = error
                .raw_response()
                .map(|response| response.status().as_u16());
            status_error(&self.url, status, error.into())
        })
    }
}

impl Transport for AwsSdk {
    async fn post(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        check_id(id)?;
        let post = || {
            let post = self.client.post_to_connection().connection_id(id.as_str());
            post.data(Blob::new(payload.bytes().as_ref())).send()
        };
        self.call(post).await.map(drop)
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        check_id(id)?;
        let delete = || self.client.delete_connection().connection_id(id.as_str());
        self.call(|| delete().send()).await.map(drop)
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        check_id(id)?;
        let get = || self.client.get_connection().connection_id(id.as_str());
        let found = self.call(|| get().send()).await?;
        let identity = found.identity();
        Ok(Inspection {
            connected_at: timestamp(found.connected_at()),
            last_active_at: timestamp(found.last_active_at()),
            source_ip: identity
                .and_then(|i| i.source_ip())
                .unwrap_or_default()
                .to_owned(),
            user_agent: identity
                .and_then(|i| i.user_agent())
                // The SDK converts `null` to an empty text.
                .filter(|agent| !agent.is_empty())
                .map(str::to_owned),
        })
    }

    fn url(&self) -> &str {
        &self.url
    }
}

/// Returns whether a call was rejected because of the time of its signature.
fn is_clock_wrong<E>(error: &SdkError<E, HttpResponse>) -> bool {
    let rejection = error.raw_response();
    let rejection = rejection.filter(|response| response.status().as_u16() == 403);
    let host = rejection.and_then(|response| response.headers().get("date"));
    let host = host.and_then(|host| date(host.as_bytes()));
    host.is_some_and(|host| differ(host, SystemTime::now()))
}
