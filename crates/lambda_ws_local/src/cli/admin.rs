//! The admin API of a gateway that runs.

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

/// The longest answer, in bytes.
const ANSWER: usize = 8 * 1024 * 1024;

/// The admin API of a gateway that runs.
pub(super) struct Admin<'u> {
    url: &'u Uri,
    authority: &'u Authority,
}

impl<'u> Admin<'u> {
    /// That of the gateway at `url`.
    pub(super) fn at(url: &'u Uri) -> Result<Self, Failure> {
        match (url.scheme_str(), url.authority()) {
            (Some("http"), Some(authority)) => Ok(Self { url, authority }),
            _ => Err(Failure::new(format!(
                "`{url}` is no URL of a gateway: --url http://HOST:PORT"
            ))),
        }
    }

    /// The answer to a call, if it is well.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: String,
        patience: Duration,
    ) -> Result<Value, Failure> {
        let url = self.url;
        let answer = timeout(patience, self.answer(method, path, body)).await;
        let (status, body) =
            answer.map_err(|_| Failure::new(format!("the gateway at {url} does not answer")))??;
        match (status, body["message"].as_str()) {
            (StatusCode::OK, _) if body.is_object() => Ok(body),
            (StatusCode::BAD_GATEWAY, Some(message)) => Err(Failure::new(message.to_owned())),
            (_, Some(message)) => Err(Failure::new(format!("the gateway refuses: {message}"))),
            (status, None) => Err(Failure::new(format!(
                "{url} is no gateway of this kind: it answers {status}"
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
                &format!("no gateway runs at {url}: give its address with --url"),
                error,
            )
        })?;
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // Its errors are those of the request.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, authority.as_str())
            .body(Full::new(Bytes::from(body)))?;
        let (head, body) = client.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER).collect().await;
        let body = body.map_err(|error| Failure::new(format!("the answer breaks off: {error}")))?;
        let body = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        Ok((head.status, body))
    }
}
