//! The fetch of an issuer's keys.

use crate::error::{BoxError, Error};
use crate::https;
use crate::tls::Tls;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use std::time::Duration;

/// Fetches an issuer's keys. Implement it with a plain `async fn` where a request needs more than a URL: a proxy,
/// credentials, or a cache that functions share.
pub trait Fetch: Send + Sync + 'static {
    /// Fetches the document at `url`. It needs its own timeout.
    ///
    /// # Errors
    ///
    /// Any error is logged, and the client is rejected with 503.
    fn fetch(&self, url: &str) -> impl Future<Output = Result<Bytes, BoxError>> + Send;
}

/// [`Fetch`] as a trait object.
pub(super) trait DynFetch: Send + Sync {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Bytes, BoxError>>;
}

impl<T: Fetch> DynFetch for T {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Bytes, BoxError>> {
        Box::pin(Fetch::fetch(self, url))
    }
}

const BYTES: usize = 256 * 1024;

pub(super) struct Https {
    client: https::Https,
    pub(super) timeout: Duration,
}

impl Https {
    pub(super) fn new(url: &str) -> Result<Self, Error> {
        let uri: Uri = url.parse()?;
        let here = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if here => {}
            _ => {
                return Err(format!(
                    "`{url}` is not a valid URL: expected https://, because a changed key would make any token \
                     valid"
                )
                .into());
            }
        }
        Ok(Self {
            client: https::client(Tls::process()),
            timeout: https::CALL,
        })
    }

    async fn get(&self, url: &str) -> Result<Bytes, BoxError> {
        let request = Request::get(url)
            .header("accept", "application/json")
            // A connection that was frozen for an hour is useless.
            .header("connection", "close");
        let response = self.client.request(request.body(Full::default())?).await?;
        match response.status() {
            StatusCode::OK => {}
            status => return Err(format!("{url} responds with {status}").into()),
        }
        let body = Limited::new(response.into_body(), BYTES).collect().await?;
        Ok(body.to_bytes())
    }
}

impl Fetch for Https {
    async fn fetch(&self, url: &str) -> Result<Bytes, BoxError> {
        match tokio::time::timeout(self.timeout, self.get(url)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(format!("{url} does not respond within {:?}", self.timeout).into()),
        }
    }
}
