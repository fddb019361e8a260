//! A gateway, as its owner and its pages use it.

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

/// One stage of one WebSocket API, as API Gateway would serve it.
#[derive(Clone)]
pub struct Gateway {
    pub(super) state: Arc<GatewayState>,
    pub(super) pages: Option<Arc<dyn Pages>>,
}

impl Gateway {
    /// A gateway for `api`.
    pub fn new(api: Api, options: Options) -> Self {
        Self {
            state: Arc::new(GatewayState::new(api, options)),
            pages: None,
        }
    }

    /// Serves pages besides the stage.
    #[must_use]
    pub fn with_pages(mut self, pages: Arc<dyn Pages>) -> Self {
        self.pages = Some(pages);
        self
    }

    /// Where clients connect, if the gateway listens on `address`: `ws://127.0.0.1:3001/dev`, or
    /// `wss://` with [`Options::tls`].
    pub fn url(&self, address: SocketAddr) -> String {
        self.at("ws", address)
    }

    /// Where functions post, if the gateway listens on `address`: `http://127.0.0.1:3001/dev`, the
    /// value of `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` (conformance A5); `https://` with
    /// [`Options::tls`], and then functions should get the
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
        post_unsigned(&self.state, id, data)
    }

    /// Closes a connection, as the management API does.
    pub(crate) fn close(&self, id: &str) -> u16 {
        delete_unsigned(&self.state, id)
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
}

/// Pages besides the stage's own paths, on the gateway's port: its console, its admin API.
pub trait Pages: Send + Sync {
    /// Begins to answer a request, unless its path is none of the pages': then it is answered as a stage that does not exist
    /// (conformance A4).
    ///
    /// Only requests come here that [`Options::guard`] accepts, of the [`audience`](Pages::audience).
    fn answer(&self, gateway: &Gateway, request: Request<Incoming>) -> Option<Page>;

    /// The audience of a path.
    fn audience(&self, path: &str) -> Audience {
        let _ = path;
        Audience::ThisMachine
    }
}

/// The clients that may ask for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Clients on this machine, which name it by a loopback address or `localhost`.
    ThisMachine,
    /// Clients on other machines too.
    OtherMachines,
    /// Clients on other machines too, and links on other sites may lead here.
    Everyone,
}

/// A page that is being made.
pub type Page = Pin<Box<dyn Future<Output = Response<PageBody>> + Send>>;

/// The body of a page, which may go on for as long as it likes.
pub type PageBody = UnsyncBoxBody<Bytes, Infallible>;

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
