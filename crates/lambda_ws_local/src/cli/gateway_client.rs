//! The client of a running gateway's admin API.

use super::http;
use ::http::{Method, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::Full;
use lambda_ws_local::emulator::Failure;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// A running gateway.
pub(super) struct GatewayClient<'u> {
    url: &'u Uri,
}

impl<'u> GatewayClient<'u> {
    pub(super) fn at(url: &'u Uri) -> Result<Self, Failure> {
        match (url.scheme_str(), url.authority()) {
            (Some("http"), Some(_)) => Ok(Self { url }),
            _ => Err(Failure::new(format!(
                "`{url}` is not the URL of a gateway: expected --url http://HOST:PORT"
            ))),
        }
    }

    /// Sends a request and returns the JSON of a successful response.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: String,
        patience: Duration,
    ) -> Result<Value, Failure> {
        let url = self.url;
        let answer = timeout(patience, self.answer(method, path, body)).await;
        let (status, body) = answer
            .map_err(|_| Failure::new(format!("the gateway at {url} does not respond")))??;
        match (status, body["message"].as_str()) {
            (StatusCode::OK, _) if body.is_object() => Ok(body),
            (StatusCode::BAD_GATEWAY, Some(message)) => Err(Failure::new(message.to_owned())),
            (_, Some(message)) => Err(Failure::new(format!(
                "the gateway rejects the request: {message}"
            ))),
            (status, None) => Err(Failure::new(format!(
                "{url} is not a lambda-ws-local gateway: it responded {status}"
            ))),
        }
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<(StatusCode, Value), Failure> {
        let url = self.url;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Full::new(Bytes::from(body)))?;
        let response = http::send(url, None, request).await;
        let response = response.map_err(|error| match error {
            http::SendError::NotConnected(error) => Failure::because(
                &format!(
                    "no gateway is running at {url}: start one with `lambda-ws-local`, or give its address with --url"
                ),
                error,
            ),
            error => Failure::from(error),
        })?;
        let (head, body) = response.into_parts();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok((head.status, body))
    }
}
