//! HTTP/1.1 over TLS or without it.

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

/// How long it may take until a host answers at all.
const CONNECT: Duration = Duration::from_secs(1);

/// How long an attempt may take: a frozen environment wakes up with dead sockets that look alive.
#[cfg(feature = "sdk")]
pub(crate) const ATTEMPT: Duration = Duration::from_millis(1500);

/// How long a call may take in all.
#[cfg(any(feature = "sdk", feature = "jwt"))]
pub(crate) const CALL: Duration = Duration::from_secs(3);

/// How long an idle connection is trusted.
pub(crate) const IDLE: Duration = Duration::from_secs(20);

/// A connection.
pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A client that keeps its connections.
pub(crate) type Https = Client<Connector, Full<Bytes>>;

/// A client that speaks `tls` to those hosts whose URL says so.
pub(crate) fn client(tls: Tls) -> Https {
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .build(Connector::new(tls))
}

/// Makes connections with Nagle's algorithm off.
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
    /// The host is not known, does not answer within a second, or is not trusted.
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
