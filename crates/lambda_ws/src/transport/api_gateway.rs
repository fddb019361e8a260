//! The management API, through the AWS SDK.

use super::{Inspection, Transport};
use crate::payload::Payload;
use crate::send_error::SendError;
use crate::{ConnectionId, Timestamp};
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::Builder;
use aws_sdk_apigatewaymanagement::config::http::HttpResponse;
use aws_sdk_apigatewaymanagement::error::SdkError;
use aws_sdk_apigatewaymanagement::primitives::{Blob, DateTime};
use std::error::Error;

/// Reaches clients through the API Gateway Management API. Clones share the client.
#[derive(Debug, Clone)]
pub struct ApiGateway {
    client: Client,
    url: String,
}

impl ApiGateway {
    /// The management API at `url`: `https://{api-id}.execute-api.{region}.amazonaws.com/{stage}`.
    pub fn new(config: &SdkConfig, url: impl Into<String>) -> Self {
        let url = url.into();
        let config = Builder::from(config)
            .endpoint_url(url.trim_end_matches('/'))
            // The sender retries: it knows which failures may pass.
            .retry_config(RetryConfig::disabled())
            .build();
        let client = Client::from_conf(config);
        Self { client, url }
    }

    fn classify<E>(&self, error: SdkError<E, HttpResponse>) -> SendError
    where
        E: Error + Send + Sync + 'static,
    {
        let status = error
            .raw_response()
            .map(|response| response.status().as_u16());
        match status {
            Some(400 | 410) => SendError::Gone,
            Some(403) => SendError::Forbidden {
                url: self.url.clone(),
            },
            Some(413) => SendError::TooLarge,
            Some(429) => SendError::Throttled,
            Some(status @ 401..500) => SendError::Refused {
                status,
                source: error.into(),
            },
            _ => SendError::Unavailable(error.into()),
        }
    }
}

impl Transport for ApiGateway {
    async fn post(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        let post = self.client.post_to_connection().connection_id(id.as_str());
        let sent = post.data(Blob::new(payload.bytes().as_ref())).send().await;
        sent.map(drop).map_err(|error| self.classify(error))
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        let delete = self.client.delete_connection().connection_id(id.as_str());
        let closed = delete.send().await;
        closed.map(drop).map_err(|error| self.classify(error))
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        let get = self.client.get_connection().connection_id(id.as_str());
        let found = get.send().await.map_err(|error| self.classify(error))?;
        let identity = found.identity();
        Ok(Inspection {
            connected_at: timestamp(found.connected_at()),
            last_active_at: timestamp(found.last_active_at()),
            source_ip: identity
                .and_then(|i| i.source_ip())
                .unwrap_or_default()
                .to_owned(),
            user_agent: identity.and_then(|i| i.user_agent()).map(str::to_owned),
        })
    }

    fn url(&self) -> &str {
        &self.url
    }
}

fn timestamp(time: Option<&DateTime>) -> Timestamp {
    let millis = time.and_then(|time| time.to_millis().ok());
    Timestamp::from_millis(millis.and_then(|ms| ms.try_into().ok()).unwrap_or_default())
}
