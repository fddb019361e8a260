//! HTTP/1.1 with or without TLS.

#[cfg(feature = "sdk")]
pub(crate) mod sdk;

use crate::error::BoxError;
use crate::tls::Tls;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Uri;
use http::uri::Scheme;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service;

const CONNECT: Duration = Duration::from_secs(1);

/// The timeout of an attempt: after a freeze dead sockets look alive.
#[cfg(feature = "sdk")]
pub(crate) const ATTEMPT: Duration = Duration::from_millis(1500);

pub(crate) const CALL: Duration = Duration::from_secs(3);

pub(crate) const IDLE: Duration = Duration::from_secs(20);

pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// An HTTP client with kept-alive connections.
pub(crate) type Https = Client<Connector, Full<Bytes>>;

/// Creates a client that uses `tls` for https:// URLs.
pub(crate) fn client(tls: Tls) -> Https {
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .build(Connector::new(tls))
}

/// Opens connections without Nagle's algorithm.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    http: HttpConnector,
    tls: Tls,
}

impl Connector {
    pub(crate) fn new(tls: Tls) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT));
        Self { http, tls }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    /// The host is unknown, does not respond within a second, or is not trusted.
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Stream, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.http.poll_ready(context).map_err(BoxError::from)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if uri.scheme() != Some(&Scheme::HTTPS) {
            let connecting = self.http.call(uri);
            return Box::pin(async { Ok(MaybeHttpsStream::Http(connecting.await?)) });
        }
        match self.tls.config() {
            Ok(config) => HttpsConnector::from((self.http.clone(), config)).call(uri),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }
}
