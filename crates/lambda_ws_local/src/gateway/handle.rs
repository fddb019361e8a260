//! The handle of a gateway, for its owner and its pages.

use super::api::Api;
use super::management::{delete_unsigned, post_unsigned};
use super::options::Options;
use super::state::GatewayState;
use super::throttle::Throttle;
use super::time::Time;
use crate::activity::Snapshot;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

/// One stage of one WebSocket API, served as API Gateway does.
#[derive(Clone)]
pub struct Gateway {
    pub(super) state: Arc<GatewayState>,
    pub(super) pages: Option<Arc<dyn Pages>>,
}

impl Gateway {
    /// Returns a gateway for `api`.
    pub fn new(api: Api, options: Options) -> Self {
        Self {
            state: Arc::new(GatewayState::new(api, options)),
            pages: None,
        }
    }

    /// Serves pages beside the stage.
    #[must_use]
    pub fn with_pages(mut self, pages: Arc<dyn Pages>) -> Self {
        self.pages = Some(pages);
        self
    }

    /// Returns the URL for clients, if the gateway listens on `address`: `ws://127.0.0.1:3001/dev`, or `wss://` with
    /// [`Options::tls`].
    pub fn url(&self, address: SocketAddr) -> String {
        self.at("ws", address)
    }

    /// Returns the URL that functions post to, if the gateway listens on `address`: `http://127.0.0.1:3001/dev`, the
    /// value of `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` (conformance A5). It is `https://` with [`Options::tls`].
    /// Functions should then get the [`plain_management_url`](Self::plain_management_url).
    pub fn management_url(&self, address: SocketAddr) -> String {
        self.at("http", address)
    }

    /// Returns the URL that functions post to, if [`serve_management`](Self::serve_management) listens on `address`.
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

    /// Returns the number of open connections.
    pub fn connections(&self) -> usize {
        self.state.connections.len()
    }

    /// Returns the stage's name.
    pub fn stage(&self) -> &str {
        &self.state.stage
    }

    /// Returns the time of its timers.
    pub fn time(&self) -> &Time {
        &self.state.options.time
    }

    /// Returns its rate limits.
    pub fn throttle(&self) -> &Throttle {
        &self.state.options.throttle
    }

    /// Posts to a connection like the management API, and returns the status.
    pub(crate) fn post(&self, id: &str, data: Bytes) -> u16 {
        post_unsigned(&self.state, id, data)
    }

    /// Closes a connection like the management API, and returns the status.
    pub(crate) fn close(&self, id: &str) -> u16 {
        delete_unsigned(&self.state, id)
    }

    pub(crate) fn find(&self, id: &str) -> Option<Snapshot> {
        let connection = self.state.connections.find(id)?;
        Some(connection.snapshot())
    }

    /// Waits until the gateway ends.
    pub(crate) async fn ended(&self) {
        self.state.ended().await;
    }

    /// Returns up to `limit` open connections after the id `after`, in the order of their ids.
    pub fn snapshots(&self, after: Option<&str>, limit: usize) -> Vec<Snapshot> {
        let page = self.state.connections.page(after, limit);
        page.iter()
            .map(|connection| connection.snapshot())
            .collect()
    }
}

/// Pages beside the stage's own paths on the gateway's port, such as the console and the admin API.
pub trait Pages: Send + Sync {
    /// Begins to respond to a request. Returns `None` for a path that is not a page. Such a path gets the response of a
    /// stage that does not exist (conformance A4).
    ///
    /// Called only for requests that [`Options::guard`] accepts, from the [`audience`](Pages::audience).
    fn answer(&self, gateway: &Gateway, request: Request<Incoming>) -> Option<Page>;

    /// Returns the audience of a path.
    fn audience(&self, path: &str) -> Audience {
        let _ = path;
        Audience::ThisMachine
    }
}

/// The clients that may request a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Clients on this machine, which use a loopback address or `localhost`.
    ThisMachine,
    /// Also clients on other machines.
    OtherMachines,
    /// Also clients on other machines, and links from other sites.
    Everyone,
}

/// The future response of a page.
pub type Page = Pin<Box<dyn Future<Output = Response<PageBody>> + Send>>;

/// The body of a page, which may be an endless stream.
pub type PageBody = UnsyncBoxBody<Bytes, Infallible>;

/// Returns the address to connect to for a listening address: loopback instead of `0.0.0.0` or `[::]`.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}
