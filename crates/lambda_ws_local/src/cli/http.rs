//! Single HTTP requests of commands.

use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// The maximum size of a response, in bytes. It is more than Lambda's limit.
const RESPONSE: usize = 8 * 1024 * 1024;

/// The timeout of the connection and its TLS handshake.
const CONNECT: Duration = Duration::from_secs(10);

/// The error of a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// The server has not received the request.
    #[error("the server does not accept connections")]
    NotConnected(#[source] io::Error),
    /// The server may have received the request.
    #[error("the request failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl SendError {
    fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}

/// Sends a request to the server of `url`, over TLS if there is a configuration. It adds the header `Host`.
pub(super) async fn send(
    url: &Uri,
    tls: Option<&Arc<ClientConfig>>,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, SendError> {
    let no_host = || SendError::NotConnected(io::Error::other("the URL contains no host"));
    let authority = url.authority().ok_or_else(no_host)?;
    let value = HeaderValue::from_str(authority.as_str());
    let value = value.map_err(SendError::failed)?;
    request.headers_mut().insert(http::header::HOST, value);
    let connected = timeout(CONNECT, connect(authority, tls)).await;
    let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    exchange(connected.map_err(SendError::NotConnected)?, request).await
}

/// A connection, with or without TLS.
trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

async fn connect(
    authority: &Authority,
    tls: Option<&Arc<ClientConfig>>,
) -> io::Result<Box<dyn Connection>> {
    let host = authority.host().trim_matches(['[', ']']);
    let port = if tls.is_some() { 443 } else { 80 };
    let port = authority.port_u16().unwrap_or(port);
    let stream = TcpStream::connect((host, port)).await?;
    let Some(tls) = tls else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(tls.clone())
        .connect(name, stream)
        .await?;
    Ok(Box::new(stream))
}

async fn exchange(
    stream: Box<dyn Connection>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, SendError> {
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut client, connection) = handshake.map_err(SendError::failed)?;
    // The request reports the connection's errors.
    tokio::spawn(connection);
    let response = client.send_request(request).await;
    let (head, body) = response.map_err(SendError::failed)?.into_parts();
    let body = Limited::new(body, RESPONSE).collect().await;
    let body = body.map_err(SendError::failed)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}
