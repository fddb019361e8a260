//! HTTP/1.1 with or without TLS.

#[cfg(feature = "sdk")]
pub(crate) mod sdk;

use crate::error::BoxError;
use crate::sync::lock;
#[cfg(feature = "https")]
use crate::tls::{Tls, with_fix};
use bytes::Bytes;
use futures_util::future::BoxFuture;
#[cfg(feature = "https")]
use http::uri::Scheme;
use http::{Request, Uri};
use http_body_util::Full;
#[cfg(feature = "https")]
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

#[cfg(feature = "https")]
pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
#[cfg(not(feature = "https"))]
pub(crate) type Stream = TokioIo<TcpStream>;

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
    fn new(connector: Connector, restores: &'static AtomicU64) -> Self {
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
#[cfg(feature = "https")]
pub(crate) fn client(tls: Tls) -> Https {
    Https::new(Connector::new(tls), &RESTORES)
}

/// Creates a client for http:// URLs.
pub(crate) fn plain() -> Https {
    Https::new(Connector::plain(), &RESTORES)
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
    #[cfg(feature = "https")]
    tls: Option<Tls>,
}

impl Connector {
    #[cfg(feature = "https")]
    pub(crate) fn new(tls: Tls) -> Self {
        let mut connector = Self::plain();
        connector.http.enforce_http(false);
        connector.tls = Some(tls);
        connector
    }

    fn plain() -> Self {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT));
        Self {
            http,
            #[cfg(feature = "https")]
            tls: None,
        }
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
        #[cfg(feature = "https")]
        if let Some(tls) = &self.tls
            && uri.scheme() == Some(&Scheme::HTTPS)
        {
            return match tls.config() {
                Ok(config) => {
                    let connecting = HttpsConnector::from((self.http.clone(), config)).call(uri);
                    Box::pin(async { connecting.await.map_err(with_fix) })
                }
                Err(error) => Box::pin(async { Err(error) }),
            };
        }
        let connecting = self.http.call(uri);
        Box::pin(async { Ok(Stream::from(connecting.await?)) })
    }
}

#[cfg(test)]
mod tests;
