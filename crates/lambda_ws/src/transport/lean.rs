//! The lean lane: the management API over HTTP/1.1 connections of our own, signed by a signer of our own.

mod endpoint;
mod keys;
mod signer;
mod sockets;
#[cfg(test)]
mod tests;

use super::Inspection;
use crate::payload::Payload;
use crate::{ConnectionId, Timestamp};
use aws_config::SdkConfig;
use aws_sdk_apigatewaymanagement::primitives::{DateTime, DateTimeFormat};
use bytes::Bytes;
use endpoint::Endpoint;
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use keys::Keys;
use serde::Deserialize;
use signer::Subject;
pub(crate) use sockets::Answer;
use sockets::Sockets;
use std::time::SystemTime;

use crate::error::BoxError;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("lambda_ws/", env!("CARGO_PKG_VERSION")));

/// The hash of no body.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Calls the management API with a quarter of the SDK's work: the day's signing key and a payload's
/// hash are computed once, and nothing stands between a message and its socket.
#[derive(Debug)]
pub(super) struct Lane {
    endpoint: Endpoint,
    keys: Keys,
    sockets: Sockets,
}

impl Lane {
    /// The lane to `url` with the region and the credentials of `config`; `None` if it has none, or if
    /// the URL is none that could be called.
    pub(super) fn new(config: &SdkConfig, url: &str) -> Option<Self> {
        let endpoint = Endpoint::parse(url)?;
        let region = config.region()?.to_string();
        let provider = config.credentials_provider()?;
        Some(Self {
            keys: Keys::new(provider, region),
            sockets: Sockets::new(endpoint.uri().clone()).ok()?,
            endpoint,
        })
    }

    pub(super) async fn post(
        &self,
        id: &ConnectionId,
        payload: &Payload,
    ) -> Result<Answer, BoxError> {
        let body = payload.bytes().clone();
        self.call(Method::POST, id, body, payload.sha256()).await
    }

    pub(super) async fn delete(&self, id: &ConnectionId) -> Result<Answer, BoxError> {
        self.call(Method::DELETE, id, Bytes::new(), EMPTY).await
    }

    pub(super) async fn get(&self, id: &ConnectionId) -> Result<Answer, BoxError> {
        self.call(Method::GET, id, Bytes::new(), EMPTY).await
    }

    async fn call(
        &self,
        method: Method,
        id: &ConnectionId,
        body: Bytes,
        hash: &str,
    ) -> Result<Answer, BoxError> {
        let now = SystemTime::now();
        let key = self.keys.current(now).await?;
        let path = self.endpoint.path(id);
        let signed = key.sign(&Subject {
            method: method.as_str(),
            path: &path,
            host: self.endpoint.host(),
            hash,
            time: Timestamp::from(now),
        });
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(HOST, self.endpoint.host().clone());
        headers.insert(DATE, signed.date);
        if let Some(token) = signed.token {
            headers.insert(TOKEN, token);
        }
        headers.insert(AUTHORIZATION, signed.authorization);
        headers.insert(USER_AGENT, AGENT);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = Uri::try_from(path)?;
        *request.headers_mut() = headers;
        let answer = self.sockets.send(request).await?;
        if answer.status == StatusCode::FORBIDDEN {
            // Credentials may have been revoked or replaced before their time.
            self.keys.forget();
        }
        Ok(answer)
    }
}

/// What a GetConnection answers (conformance G5).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
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
    let wire: Wire = serde_json::from_slice(body)?;
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
