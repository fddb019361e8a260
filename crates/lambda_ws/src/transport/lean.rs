//! The lean lane: the management API over HTTP/1.1 connections of our own, signed by a signer of our own.

mod clock;
mod connection_pool;
mod endpoint;
mod http1;
mod http_response;
mod request;
mod signing_keys;
#[cfg(test)]
mod tests;

use super::Inspection;
use crate::error::BoxError;
use crate::payload::Payload;
use crate::tls::Tls;
use crate::{ConnectionId, Timestamp};
use aws_config::SdkConfig;
use aws_sdk_apigatewaymanagement::primitives::{DateTime, DateTimeFormat};
use bytes::Bytes;
use clock::Clock;
pub(super) use clock::differ;
use connection_pool::ConnectionPool;
use endpoint::Endpoint;
use http::StatusCode;
pub(super) use http_response::{HttpResponse, date};
use lambda_ws_protocol::sigv4::Signable;
use request::Request;
use serde::Deserialize;
use signing_keys::SigningKeys;

/// The hash of no body.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Calls the management API with a fraction of the SDK's work: the day's signing key and a payload's
/// hash are computed once, and nothing stands between a message and its socket.
#[derive(Debug)]
pub(super) struct Lane {
    endpoint: Endpoint,
    keys: SigningKeys,
    clock: Clock,
    sockets: ConnectionPool,
}

impl Lane {
    /// The lane to `url` with the region and the credentials of `config`; `None` if it has none, or if
    /// the URL is none that could be called.
    pub(super) fn new(config: &SdkConfig, url: &str, tls: Tls) -> Option<Self> {
        let endpoint = Endpoint::parse(url)?;
        let region = config.region()?.to_string();
        let provider = config.credentials_provider()?;
        Some(Self {
            keys: SigningKeys::new(provider, region),
            clock: Clock::default(),
            sockets: ConnectionPool::new(endpoint.uri().clone(), tls),
            endpoint,
        })
    }

    pub(super) async fn post(
        &self,
        id: &ConnectionId,
        payload: &Payload,
    ) -> Result<HttpResponse, BoxError> {
        self.call("POST", id, payload.bytes(), payload.sha256())
            .await
    }

    pub(super) async fn delete(&self, id: &ConnectionId) -> Result<HttpResponse, BoxError> {
        self.call("DELETE", id, &Bytes::new(), EMPTY).await
    }

    pub(super) async fn get(&self, id: &ConnectionId) -> Result<HttpResponse, BoxError> {
        self.call("GET", id, &Bytes::new(), EMPTY).await
    }

    async fn call(
        &self,
        method: &str,
        id: &ConnectionId,
        body: &Bytes,
        hash: &str,
    ) -> Result<HttpResponse, BoxError> {
        let path = self.endpoint.path(id);
        let mut is_corrected = false;
        loop {
            let now = self.clock.now();
            let key = self.keys.current(now).await?;
            let subject = Signable {
                method,
                path: &path,
                host: self.endpoint.host(),
                query: "",
                body_hash: hash,
                time: Timestamp::from(now),
            };
            let request = Request::signed(&key, &subject, body);
            let answer = self.sockets.send(&request).await?;
            if answer.status == StatusCode::FORBIDDEN {
                let date = answer.date.filter(|_| !is_corrected);
                if date.is_some_and(|date| self.clock.corrects(date, now)) {
                    is_corrected = true;
                    continue;
                }
                self.keys.refused(&key, now);
            }
            return Ok(answer);
        }
    }
}

/// What a GetConnection answers (conformance G5).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http1 {
    connected_at: Option<String>,
    last_active_at: Option<String>,
    #[serde(default)]
    identity: Identity,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Identity {
    source_ip: Option<String>,
    user_agent: Option<String>,
}

/// Reads the body of a GetConnection.
pub(super) fn inspection(body: &[u8]) -> Result<Inspection, serde_json::Error> {
    let wire: Http1 = serde_json::from_slice(body)?;
    let time = |text: Option<String>| {
        let time = DateTime::from_str(text.as_deref()?, DateTimeFormat::DateTime);
        time.ok()
    };
    Ok(Inspection {
        connected_at: timestamp(time(wire.connected_at).as_ref()),
        last_active_at: timestamp(time(wire.last_active_at).as_ref()),
        source_ip: wire.identity.source_ip.unwrap_or_default(),
        user_agent: wire.identity.user_agent,
    })
}

/// A time of the SDK; the epoch if there is none.
pub(super) fn timestamp(time: Option<&DateTime>) -> Timestamp {
    let millis = time.and_then(|time| time.to_millis().ok());
    Timestamp::from_millis(millis.and_then(|ms| ms.try_into().ok()).unwrap_or_default())
}
