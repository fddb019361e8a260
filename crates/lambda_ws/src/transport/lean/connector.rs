//! Makes connections.

use crate::error::BoxError;
use crate::tls::Roots;
use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service;

/// How long it may take until a host answers at all.
const CONNECT: Duration = Duration::from_secs(1);

/// What is written to and read from.
pub(super) type Stream = TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>;

/// Makes connections to one host. TLS sessions are resumed, which saves half of a handshake.
#[derive(Debug)]
pub(super) struct Connector {
    uri: Uri,
    roots: Roots,
    /// Made for the first connection: reading whom the system trusts takes milliseconds.
    https: OnceLock<Result<HttpsConnector<HttpConnector>, String>>,
}

impl Connector {
    pub(super) fn new(uri: Uri, roots: Roots) -> Self {
        Self {
            uri,
            roots,
            https: OnceLock::new(),
        }
    }

    /// A connection with Nagle's algorithm off.
    ///
    /// # Errors
    ///
    /// The host is not known, does not answer within a second, or is not trusted.
    pub(super) async fn connect(&self) -> Result<Stream, BoxError> {
        let https = self.https.get_or_init(|| {
            let made = self.connector();
            made.map_err(|error| format!("TLS cannot be spoken: {error}"))
        });
        let stream = https.clone()?.call(self.uri.clone()).await?;
        Ok(TokioIo::new(stream))
    }

    fn connector(&self) -> Result<HttpsConnector<HttpConnector>, BoxError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT));
        let nobody = Roots::Bundle(Vec::new());
        let roots = match self.uri.scheme() == Some(&Scheme::HTTPS) {
            true => &self.roots,
            false => &nobody,
        };
        let https = HttpsConnectorBuilder::new().with_tls_config(roots.config()?);
        let https = https.https_or_http().enable_http1();
        Ok(https.wrap_connector(http))
    }
}
