//! One listening socket and the HTTP/1.1 connections it accepted: the server under the Runtime API and DynamoDB.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long to wait before accepting again when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers one request. It never fails: a failure is an answer too.
pub(crate) trait Handler: Clone + Send + Sync + 'static {
    fn handle(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// A socket and its connections, which end with it.
pub(crate) struct Listener<H> {
    socket: TcpListener,
    connections: JoinSet<()>,
    handler: H,
}

impl<H: Handler> Listener<H> {
    pub(crate) fn new(socket: TcpListener, handler: H) -> Listener<H> {
        Listener {
            socket,
            connections: JoinSet::new(),
            handler,
        }
    }

    /// Accepts connections for ever. Dropping the future drops no connection.
    pub(crate) async fn serve(&mut self) -> Infallible {
        loop {
            tokio::select! {
                accepted = self.socket.accept() => {
                    if !self.admit(accepted) {
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    /// Serves what has already arrived, once nobody is left who could send more; gives up after `limit`.
    pub(crate) async fn drain(&mut self, limit: Duration) {
        while let Some(accepted) = self.socket.accept().now_or_never() {
            if !self.admit(accepted) {
                break;
            }
        }
        let _ = timeout(limit, async {
            while self.connections.join_next().await.is_some() {}
        })
        .await;
    }

    /// Starts to serve an accepted connection; false if there is none to serve.
    fn admit(&mut self, accepted: io::Result<(TcpStream, std::net::SocketAddr)>) -> bool {
        let Ok((stream, _)) = accepted else {
            return false;
        };
        // Without it the kernel may hold an answer back for 40 ms; a failure costs nothing else.
        let _ = stream.set_nodelay(true);
        let handler = self.handler.clone();
        self.connections.spawn(async move {
            let service = service_fn(|request| {
                let handler = &handler;
                async move { Ok::<_, Infallible>(handler.handle(request).await) }
            });
            // An error here is a peer that went away: its requests are dropped, and nobody is left to hear of it.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        true
    }
}
