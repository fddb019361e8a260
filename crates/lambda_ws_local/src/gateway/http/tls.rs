//! `wss://`: the gateway's certificate.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt;
use std::io;
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A certificate and its key, with which a gateway serves `wss://` and `https://` instead of `ws://`
/// and `http://` (conformance A1: TLS 1.2 or later).
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificates are no PEM.
    #[error("the certificate file has no certificate that can be read: it must be PEM")]
    Certificate(#[source] pem::Error),
    /// The file of the certificates has none.
    #[error("the certificate file has no certificate: it must be PEM, the server's own first")]
    NoCertificate,
    /// The key is no PEM.
    #[error("the key file has no private key that can be read: it must be PEM, not encrypted")]
    Key(#[source] pem::Error),
    /// Certificate and key do not fit together, or are of a kind that is not supported.
    #[error("the certificate cannot be used with this key")]
    Pair(#[source] rustls::Error),
    /// No certificate can be made for these names.
    #[error("no certificate can be made for these host names")]
    Names(#[source] rcgen::Error),
}

impl Tls {
    /// TLS with the certificate chain of a PEM file, the server's own first, and its private key.
    ///
    /// # Errors
    ///
    /// Which of the two cannot be used.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(TlsError::Certificate)?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
        Self::of(chain, key)
    }

    /// TLS with a new certificate for these host names and addresses, and the PEM of the authority
    /// that signed it, for clients to trust. The authority's own key is forgotten at once: nobody
    /// can use it to sign for another name. Valid for 90 days.
    ///
    /// # Errors
    ///
    /// A name that no certificate may have.
    pub fn self_signed(
        names: impl IntoIterator<Item = String>,
    ) -> Result<(Self, String), TlsError> {
        let made = certificate(names.into_iter().collect()).map_err(TlsError::Names)?;
        let (authority, certificate, key) = made;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok((Self::of(vec![certificate], key.into())?, authority))
    }

    fn of(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsError> {
        // Its own provider: the process's default is not ours to choose.
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
        let mut config = config.map_err(TlsError::Pair)?;
        // There are no websockets over HTTP/2 here, as on AWS.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the key.
        f.write_str("Tls")
    }
}

/// An authority's certificate in PEM, and a certificate it has signed for `names`, with its key.
fn certificate(
    names: Vec<String>,
) -> Result<(String, CertificateDer<'static>, KeyPair), rcgen::Error> {
    // Some time ago: the clocks of containers and phones differ.
    let from = OffsetDateTime::now_utc() - Duration::DAY;
    let until = from + Duration::days(90);
    let mut authority = CertificateParams::default();
    authority.distinguished_name = named("lambda-ws-local, an authority of one certificate");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (authority.not_before, authority.not_after) = (from, until);
    let authority_key = KeyPair::generate()?;
    let pem = authority.self_signed(&authority_key)?.pem();
    let authority = Issuer::new(authority, authority_key);

    let mut server = CertificateParams::new(names)?;
    server.distinguished_name = named("lambda-ws-local");
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    (server.not_before, server.not_after) = (from, until);
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &authority)?;
    Ok((pem, certificate.der().clone(), key))
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
