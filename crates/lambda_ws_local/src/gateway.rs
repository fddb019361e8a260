//! The local API Gateway itself: websockets at `ws://host:port/{stage}` and the management API at
//! `http://host:port/{stage}/@connections/{id}`, on one port.
//!
//! A [`Gateway`] serves one stage of one [`Api`]. Behind each [`Route`] stands an [`Integration`]:
//! the gateway makes the events, and does with the responses what AWS does. The conformance numbers
//! in this module are those of the project's list of how the real service behaves.
//!
//! ```no_run
//! use bytes::Bytes;
//! use lambda_ws_local::gateway::{Api, Gateway, Integration, Invocation, Options, Route};
//! use std::sync::Arc;
//!
//! struct Accepting;
//!
//! impl Integration for Accepting {
//!     fn invoke(&self, _event: Bytes, _request_id: &str) -> Invocation {
//!         Box::pin(async { Ok(Bytes::from_static(br#"{"statusCode":200}"#)) })
//!     }
//! }
//!
//! # async fn serve() -> std::io::Result<()> {
//! let mut api = Api::new("abcd1234", "dev");
//! api.routes.insert("$default".to_owned(), Route::new(Arc::new(Accepting)));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let gateway = Gateway::new(api, Options::default());
//! println!("management API: {}", gateway.management_url(listener.local_addr()?));
//! gateway.serve(listener, std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

mod accept;
mod api;
mod close;
mod connection;
mod connections;
mod events;
mod handshake;
mod head;
mod integration;
mod management;
mod message;
mod observed;
mod options;
mod outbox;
mod refusal;
mod shared;
mod socket;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use api::{Api, Route};
pub use integration::{Integration, IntegrationError, Invocation};
pub use observed::{Observed, Outcome, What};
pub use options::{Clock, Fault, Faults, Observer, Options};

use shared::Shared;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// One stage of one WebSocket API, as API Gateway would serve it.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

impl Gateway {
    /// A gateway for `api`.
    pub fn new(api: Api, options: Options) -> Self {
        Self {
            shared: Arc::new(Shared::new(api, options)),
        }
    }

    /// Where clients connect, if the gateway listens on `address`: `ws://127.0.0.1:3001/dev`.
    pub fn url(&self, address: SocketAddr) -> String {
        format!("ws://{}/{}", reachable(address), self.shared.stage)
    }

    /// Where functions post, if the gateway listens on `address`: `http://127.0.0.1:3001/dev`, the
    /// value of `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` (conformance A5).
    pub fn management_url(&self, address: SocketAddr) -> String {
        format!("http://{}/{}", reachable(address), self.shared.stage)
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.shared.connections.len()
    }

    /// Serves until `shutdown` resolves, then closes every connection with 1001, invokes their
    /// `$disconnect`, and returns when that is done or [`Options::shutdown_timeout`] has passed.
    ///
    /// A gateway that has been shut down does not serve again.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        tasks.spawn(accept::serve(Arc::clone(&self.shared), stream, peer));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        // Out of file descriptors, most likely: trying at once would not help.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
                Some(ended) = tasks.join_next() => log(ended),
                () = &mut shutdown => break,
            }
        }
        drop(listener);
        self.shared.closing.send_replace(true);
        self.shared.connections.close_all();
        let all_ended = async {
            while let Some(ended) = tasks.join_next().await {
                log(ended);
            }
        };
        let limit = self.shared.options.shutdown_timeout;
        if tokio::time::timeout(limit, all_ended).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
    }
}

fn log(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

/// An address to connect to, for one to listen on.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}
