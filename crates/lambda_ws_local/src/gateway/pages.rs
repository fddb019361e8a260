//! What a gateway serves besides its stage.

use super::Gateway;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use std::convert::Infallible;
use std::pin::Pin;

/// Pages besides the stage's own paths, on the gateway's port: its console, its admin API.
pub trait Pages: Send + Sync {
    /// Begins to answer a request, unless its path is none of the pages': then it is answered as a stage that does not exist
    /// (conformance A4).
    ///
    /// Only requests come here that [`Options::guard`](super::Options::guard) accepts, of the [`audience`](Pages::audience).
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
