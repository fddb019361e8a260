//! A listening socket and its HTTP/1.1 connections: the server of the Runtime API and DynamoDB.

use crate::faults::AnswerLost;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The delay before the next accept when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Handles one request. Errors are responses too. A response that is marked with [`AnswerLost`] closes its connection
/// instead.
pub(crate) trait Handler: Clone + Send + Sync + 'static {
    /// How long a client may keep a connection without a complete head of a request.
    const PATIENCE: Duration;

    fn handle(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

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

    /// Accepts connections until the future is dropped. The connections stay open.
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

    /// Serves the requests that have already arrived, once no client can send more, for at most `limit`.
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

    /// Starts to serve an accepted connection. Returns false if there is none.
    fn admit(&mut self, accepted: io::Result<(TcpStream, std::net::SocketAddr)>) -> bool {
        let Ok((stream, _)) = accepted else {
            return false;
        };
        // Without it the kernel may delay a response by 40 ms. A failure costs nothing else.
        let _ = stream.set_nodelay(true);
        let handler = self.handler.clone();
        self.connections.spawn(async move {
            let service = service_fn(|request| {
                let handler = &handler;
                async move {
                    let response = handler.handle(request).await;
                    match response.extensions().get::<AnswerLost>() {
                        Some(lost) => Err(*lost),
                        None => Ok(response),
                    }
                }
            });
            // The peer disconnected or is to lose its response. Its requests are dropped.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(H::PATIENCE)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    #[derive(Clone)]
    struct Silent;

    impl Handler for Silent {
        const PATIENCE: Duration = Duration::from_secs(7);

        async fn handle(&self, _: Request<Incoming>) -> Response<Full<Bytes>> {
            Response::default()
        }
    }

    /// How long a client that sends this keeps its connection.
    async fn kept(sent: &[u8]) -> Duration {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut listener = Listener::new(socket, Silent);
        let began = Instant::now();
        let client = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(sent).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        };
        tokio::select! {
            never = listener.serve() => match never {},
            () = client => began.elapsed(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_no_whole_head_is_cut_off() {
        for sent in [
            "",
            "GET / HTTP/1.1\r\nHost: x\r\nX: y",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            let kept = kept(sent.as_bytes()).await;
            assert!(kept >= Silent::PATIENCE, "{sent:?}: {kept:?}");
        }
    }
}
