//! Kept-alive HTTP/1.1 connections to one host.

use crate::error::BoxError;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::time::timeout;
use tower_service::Service;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);

/// How long an attempt on a connection may take: a frozen environment wakes up with dead sockets that
/// look alive.
const ATTEMPT: Duration = Duration::from_millis(1500);

/// How long an idle connection is trusted.
const IDLE: Duration = Duration::from_secs(20);

/// The largest answer that is read, in bytes.
const ANSWER: usize = 64 * 1024;

/// Kept-alive connections to one host, as many as requests were ever under way at once.
#[derive(Debug)]
pub(super) struct Sockets {
    uri: Uri,
    connector: HttpsConnector<HttpConnector>,
    /// The one that was used last is at the end.
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    socket: SendRequest<Full<Bytes>>,
    since: Moment,
}

/// A moment on both clocks: while an environment is frozen one of them may stand still.
#[derive(Debug, Clone, Copy)]
struct Moment(Instant, SystemTime);

impl Moment {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    fn elapsed(self) -> Duration {
        let by_wall = self.1.elapsed().unwrap_or(IDLE);
        self.0.elapsed().max(by_wall)
    }
}

/// An answer of the host, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Sockets {
    /// Connections to the host of `uri`.
    pub(super) fn new(uri: Uri) -> Result<Self, BoxError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(crate::tls::Roots::process().config()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Self {
            uri,
            connector,
            idle: Mutex::default(),
        })
    }

    /// Sends a request and reads its answer, on a kept connection if there is one.
    ///
    /// A kept connection that turns out to be dead is replaced by a fresh one, for which the request is
    /// sent once more.
    ///
    /// # Errors
    ///
    /// No connection, or no answer within 1.5 s on a fresh one.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, BoxError> {
        if let Some(socket) = self.kept() {
            let again = request.clone();
            match timeout(ATTEMPT, self.exchange(socket, again)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(_)) => {}
                // Those that slept beside it are no better.
                Err(_) => self.lock().clear(),
            }
        }
        let fresh = async {
            let socket = self.connect().await?;
            self.exchange(socket, request).await
        };
        match timeout(ATTEMPT, fresh).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {ATTEMPT:?}").into()),
        }
    }

    /// A connection that waits for a request.
    fn kept(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.lock();
        while let Some(Idle { socket, since }) = idle.pop() {
            if since.elapsed() >= IDLE {
                // Those before it have waited even longer.
                idle.clear();
                return None;
            }
            if !socket.is_closed() {
                return Some(socket);
            }
        }
        None
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, BoxError> {
        let stream = self.connector.clone().call(self.uri.clone()).await?;
        let (socket, connection) = http1::Builder::new().handshake(stream).await?;
        // It ends with its socket. Its errors are those of the requests.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(socket)
    }

    async fn exchange(
        &self,
        mut socket: SendRequest<Full<Bytes>>,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, BoxError> {
        socket.ready().await?;
        let response = socket.send_request(request).await?;
        let answer = read(response).await?;
        self.lock().push(Idle {
            socket,
            since: Moment::now(),
        });
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(response: Response<Incoming>) -> Result<Answer, BoxError> {
    let status = response.status();
    let body = response.into_body();
    if body.is_end_stream() {
        let body = Bytes::new();
        return Ok(Answer { status, body });
    }
    let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
    Ok(Answer { status, body })
}
