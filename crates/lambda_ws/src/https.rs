//! HTTP/1.1 with or without TLS.

#[cfg(feature = "sdk")]
pub(crate) mod sdk;

use crate::error::BoxError;
use crate::sync::lock;
use crate::tls::Tls;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::uri::Scheme;
use http::{Request, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service;

const CONNECT: Duration = Duration::from_secs(1);

/// The timeout of an attempt: after a freeze dead sockets look alive.
#[cfg(feature = "sdk")]
pub(crate) const ATTEMPT: Duration = Duration::from_millis(1500);

#[cfg(any(feature = "sdk", feature = "jwt"))]
pub(crate) const CALL: Duration = Duration::from_secs(3);

pub(crate) const IDLE: Duration = Duration::from_secs(20);

pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// The number of times that Lambda has restored this process from a snapshot (SnapStart). Connections that were made
/// before the last time do not exist any more.
pub(crate) static RESTORES: AtomicU64 = AtomicU64::new(0);

/// A client that keeps its connections. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Https {
    connector: Connector,
    restores: &'static AtomicU64,
    /// The client, and the number of restores when it was made.
    client: Arc<Mutex<(u64, HyperClient)>>,
}

type HyperClient = Client<Connector, Full<Bytes>>;

impl Https {
    fn new(tls: Tls, restores: &'static AtomicU64) -> Self {
        let connector = Connector::new(tls);
        let made = (restores.load(Ordering::Relaxed), hyper_client(&connector));
        Self {
            connector,
            restores,
            client: Arc::new(Mutex::new(made)),
        }
    }

    /// Sends a request, and returns the head of its answer.
    pub(crate) fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        let restores = self.restores.load(Ordering::Relaxed);
        let mut made = lock(&self.client);
        if made.0 != restores {
            *made = (restores, hyper_client(&self.connector));
        }
        made.1.request(request)
    }
}

/// Creates a client that uses `tls` for https:// URLs.
pub(crate) fn client(tls: Tls) -> Https {
    Https::new(tls, &RESTORES)
}

fn hyper_client(connector: &Connector) -> HyperClient {
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .build(connector.clone())
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

#[cfg(test)]
mod tests;
