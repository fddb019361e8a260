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
mod api_key;
mod authorize;
mod connection;
mod events;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod integration;
mod management;
mod message;
mod model;
mod options;
mod pages;
mod socket;
mod state;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod throttle;
mod time;

pub use crate::activity::{Operation, OperationKind, Outcome, Snapshot};
pub use api::{Api, Route};
pub use api_key::{ApiKey, ApiKeySource, ApiKeys, InvalidApiKeySource};
pub use authorize::{Authorization, Authorizer};
pub use http::{Tls, TlsError};
pub use integration::{Integration, IntegrationError, Invocation};
pub use lambda_ws_protocol::event::EventShape;
pub use model::{Models, Schema, SchemaError};
pub use options::{Clock, Fault, Options, Script};
pub use pages::{Audience, Page, PageBody, Pages};
pub use throttle::{Rate, RateLimits, Throttle};
pub use time::{Time, TimeError};

use bytes::Bytes;
use http::Stream;
use state::GatewayState;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// How many times [`Options::shutdown_timeout`] a shutdown takes at most.
const PATIENCES: u32 = 12;

/// One stage of one WebSocket API, as API Gateway would serve it.
#[derive(Clone)]
pub struct Gateway {
    state: Arc<GatewayState>,
}

impl Gateway {
    /// A gateway for `api`.
    pub fn new(api: Api, options: Options) -> Self {
        let state = Arc::new(GatewayState::new(api, options));
        state.options.time.drives(&state);
        Self { state }
    }

    /// Where clients connect, if the gateway listens on `address`: `ws://127.0.0.1:3001/dev`, or
    /// `wss://` with [`Options::tls`].
    pub fn url(&self, address: SocketAddr) -> String {
        self.at("ws", address)
    }

    /// Where functions post, if the gateway listens on `address`: `http://127.0.0.1:3001/dev`, the
    /// value of `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` (conformance A5); `https://` with
    /// [`Options::tls`], and then functions are better told the
    /// [`plain_management_url`](Self::plain_management_url).
    pub fn management_url(&self, address: SocketAddr) -> String {
        self.at("http", address)
    }

    /// Where functions post, if [`serve_management`](Self::serve_management) listens on `address`.
    pub fn plain_management_url(&self, address: SocketAddr) -> String {
        format!("http://{}/{}", reachable(address), self.state.stage)
    }

    fn at(&self, scheme: &str, address: SocketAddr) -> String {
        let tls = if self.state.options.tls.is_some() {
            "s"
        } else {
            ""
        };
        let stage = &self.state.stage;
        format!("{scheme}{tls}://{}/{stage}", reachable(address))
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.state.connections.len()
    }

    /// The stage's name.
    pub fn stage(&self) -> &str {
        &self.state.stage
    }

    /// The time of its timers.
    pub fn time(&self) -> &Time {
        &self.state.options.time
    }

    /// How fast clients and functions may be.
    pub fn throttle(&self) -> &Throttle {
        &self.state.options.throttle
    }

    /// Posts to a connection, as the management API does.
    pub(crate) fn post(&self, id: &str, data: Bytes) -> u16 {
        management::post_unsigned(&self.state, id, data)
    }

    /// Closes a connection, as the management API does.
    pub(crate) fn close(&self, id: &str) -> u16 {
        management::delete_unsigned(&self.state, id)
    }

    /// The open connection of this id.
    pub(crate) fn find(&self, id: &str) -> Option<Snapshot> {
        let connection = self.state.connections.find(id)?;
        Some(connection.snapshot())
    }

    /// Resolves when the gateway ends.
    pub(crate) async fn ended(&self) {
        self.state.ended().await;
    }

    /// At most `limit` open connections, in the order of their ids, from the first one behind `after`.
    pub fn snapshots(&self, after: Option<&str>, limit: usize) -> Vec<Snapshot> {
        let page = self.state.connections.page(after, limit);
        page.iter()
            .map(|connection| connection.snapshot())
            .collect()
    }

    /// Serves until `shutdown` resolves, then closes every connection with 1001, invokes their
    /// `$disconnect`, and returns when that is done or no connection has ended for [`Options::shutdown_timeout`].
    ///
    /// A gateway that has been shut down does not serve again.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut tasks = JoinSet::new();
        let serve = |stream, peer| accept::serve(Arc::clone(&self.state), stream, peer);
        accept_all(&listener, &mut tasks, serve, shutdown).await;
        drop(listener);
        self.state.closing.send_replace(true);
        self.state.connections.close_all();
        self.wait_for(tasks).await;
    }

    /// Serves the management API alone, without TLS, until the gateway is shut down: for functions,
    /// which need not trust the certificate that clients do.
    pub async fn serve_management(&self, listener: TcpListener) {
        let mut tasks = JoinSet::new();
        let serve = |stream: TcpStream, peer| {
            let state = Arc::clone(&self.state);
            // Fails only on a connection that is gone.
            let _ = stream.set_nodelay(true);
            async move { management::serve(&state, Stream::Plain(stream), peer, Vec::new()).await }
        };
        accept_all(&listener, &mut tasks, serve, self.state.ended()).await;
        drop(listener);
        self.wait_for(tasks).await;
    }

    /// Waits for connections to end, but not for ever.
    async fn wait_for(&self, tasks: JoinSet<()>) {
        let all = tasks.len();
        let patience = self.state.options.shutdown_timeout;
        match all_end(tasks, patience).await {
            0 => {}
            cut => tracing::warn!("{cut} of {all} connections were cut off before they had ended"),
        }
    }
}

/// Waits until all tasks have ended: as long as some do within `patience`, and at most [`PATIENCES`] times as long. Returns
/// how many are cut off.
///
/// Every `$disconnect` has its function work, so thousands take longer than one does.
async fn all_end(mut tasks: JoinSet<()>, patience: Duration) -> usize {
    let last = Instant::now() + patience * PATIENCES;
    loop {
        let next = last.min(Instant::now() + patience);
        match timeout_at(next, tasks.join_next()).await {
            Ok(Some(ended)) => log(ended),
            Ok(None) | Err(_) => return tasks.len(),
        }
    }
}

/// Accepts connections, and serves each on a task of its own, until `shutdown` resolves.
async fn accept_all<F>(
    listener: &TcpListener,
    tasks: &mut JoinSet<()>,
    serve: impl Fn(TcpStream, SocketAddr) -> F,
    shutdown: impl Future<Output = ()>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    tasks.spawn(serve(stream, peer));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // Out of file descriptors, most likely: trying at once would not help.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(ended) = tasks.join_next() => log(ended),
            () = &mut shutdown => return,
        }
    }
}

fn log(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

/// An address to connect to, for one to listen on: loopback instead of `0.0.0.0` or `[::]`.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

#[cfg(test)]
mod shutdown_tests {
    use super::*;

    /// Ends the first tasks one after the other, and `hanging` never; how many are cut off, and after which time.
    async fn end(tasks: u32, every: Duration, hanging: usize) -> (usize, Duration) {
        let mut all = JoinSet::new();
        for number in 1..=tasks {
            all.spawn(tokio::time::sleep(every * number));
        }
        for _ in 0..hanging {
            all.spawn(std::future::pending());
        }
        let begun = Instant::now();
        let cut = all_end(all, Duration::from_secs(5)).await;
        (cut, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn fault_f31_a_shutdown_goes_on_while_connections_end_and_counts_those_it_cuts_off() {
        let seconds = |(cut, time): (usize, Duration)| (cut, time.as_secs());
        let millis = Duration::from_millis;
        assert_eq!(seconds(end(0, millis(0), 0).await), (0, 0));
        // 3 000 `$disconnect` events at 100 a second take longer than one may.
        assert_eq!(seconds(end(3000, millis(10), 0).await), (0, 30));
        assert_eq!(seconds(end(100, millis(10), 7).await), (7, 6));
        assert_eq!(seconds(end(100, millis(1100), 0).await), (46, 60));
    }
}
