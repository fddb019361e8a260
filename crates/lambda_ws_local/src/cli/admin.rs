//! The admin API of a running gateway.

use bytes::Bytes;
use http::uri::Authority;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use lambda_ws_local::emulator::Failure;
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The maximum size of a response, in bytes.
const ANSWER: usize = 8 * 1024 * 1024;

pub(super) struct Admin<'u> {
    url: &'u Uri,
    authority: &'u Authority,
}

impl<'u> Admin<'u> {
    pub(super) fn at(url: &'u Uri) -> Result<Self, Failure> {
        match (url.scheme_str(), url.authority()) {
            (Some("http"), Some(authority)) => Ok(Self { url, authority }),
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
        let (url, authority) = (self.url, self.authority);
        let address = (
            authority.host().trim_matches(['[', ']']),
            authority.port_u16().unwrap_or(80),
        );
        let stream = TcpStream::connect(address).await.map_err(|error| {
            Failure::because(
                &format!("no gateway is running at {url}: give its address with --url"),
                error,
            )
        })?;
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // The request reports the connection's errors.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, authority.as_str())
            .body(Full::new(Bytes::from(body)))?;
        let (head, body) = client.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER).collect().await;
        let body =
            body.map_err(|error| Failure::new(format!("the response is incomplete: {error}")))?;
        let body = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        Ok((head.status, body))
    }
}
