//! The floor: sockets that are that send and receive prepared bytes, without signatures.

use super::http;
use futures_util::stream::{FuturesUnordered, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Sockets, each with one prepared request.
pub(super) struct Floor {
    sockets: Vec<TlsStream<TcpStream>>,
    request: Vec<u8>,
}

impl Floor {
    /// Opens a socket to `url` for each concurrent post.
    pub(super) async fn new(url: &str, in_flight: usize) -> Result<Self, Box<dyn Error>> {
        let bundle = std::env::var_os("AWS_CA_BUNDLE").ok_or("AWS_CA_BUNDLE is not set")?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(bundle)?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let host = url.split('/').nth(2).ok_or("a URL has a host")?;
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let name = ServerName::try_from(name.to_owned())?;
        let mut sockets = Vec::new();
        for _ in 0..in_flight {
            let stream = TcpStream::connect(host).await?;
            stream.set_nodelay(true)?;
            sockets.push(connector.connect(name.clone(), stream).await?);
        }
        Ok(Self {
            sockets,
            request: request(host),
        })
    }

    /// Posts for a time. Returns the number of posts.
    pub(super) async fn pump(&mut self, duration: Duration) -> u64 {
        let started = Instant::now();
        let request = &self.request;
        let posts = self.sockets.iter_mut().map(async |socket| {
            let (mut count, mut buffer) = (0, Vec::with_capacity(2048));
            while started.elapsed() < duration {
                socket.write_all(request).await.expect("a live socket");
                // TLS may have kept some of it back.
                socket.flush().await.expect("a live socket");
                let answer = http::read(socket, &mut buffer);
                answer.await.expect("an answer");
                count += 1;
            }
            count
        });
        let posts: FuturesUnordered<_> = posts.collect();
        posts.fold(0, async |sum, count| sum + count).await
    }
}

/// As long as a signed one.
fn request(host: &str) -> Vec<u8> {
    let signature = "0".repeat(64);
    format!(
        "POST /dev/@connections/PJqB0fHsqRcCHlw%3D HTTP/1.1\r\nhost: {host}\r\n\
         x-amz-date: 20261021T072800Z\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=test/20261021/us-east-1/execute-api/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={signature}\r\nuser-agent: lambda_ws/0.1.0\r\n\
         content-length: 200\r\n\r\n{}",
        "x".repeat(200)
    )
    .into_bytes()
}
