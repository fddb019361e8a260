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
    /// Only requests that [`Options::guard`](super::Options::guard) accepts come here.
    fn answer(&self, gateway: &Gateway, request: Request<Incoming>) -> Option<Page>;
}

/// A page that is being made.
pub type Page = Pin<Box<dyn Future<Output = Response<PageBody>> + Send>>;

/// The body of a page, which may go on for as long as it likes.
pub type PageBody = UnsyncBoxBody<Bytes, Infallible>;
