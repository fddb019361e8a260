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

/// A certificate and its key, with which a gateway serves `wss://` and `https://` instead of `ws://` and `http://`
/// (conformance A1: TLS 1.2 or later).
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificates are not valid PEM.
    #[error("the certificate file is not valid PEM")]
    Certificate(#[source] pem::Error),
    /// The certificate file contains no certificate.
    #[error(
        "the certificate file contains no certificate: expected PEM, the server's certificate first"
    )]
    NoCertificate,
    /// The key is not valid PEM.
    #[error("the key file contains no valid private key: expected unencrypted PEM")]
    Key(#[source] pem::Error),
    /// The certificate and the key do not match, or their kind is not supported.
    #[error("the certificate cannot be used with this key")]
    Pair(#[source] rustls::Error),
    /// A certificate for these names cannot be created.
    #[error("cannot create a certificate for these host names")]
    Names(#[source] rcgen::Error),
}

impl Tls {
    /// Returns TLS with the certificate chain of a PEM file, the server's certificate first, and its private key.
    ///
    /// # Errors
    ///
    /// The certificate or the key is not valid.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(TlsError::Certificate)?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
        Self::of(chain, key)
    }

    /// Returns TLS with a new certificate for these host names and addresses, and the PEM of the authority that signed
    /// it, which clients should trust. The authority's key is dropped at once, so it cannot sign for another name. The
    /// certificate is valid for 90 days.
    ///
    /// # Errors
    ///
    /// A name is not valid in a certificate.
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
        // An explicit provider, because the process's default belongs to the application.
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
        let mut config = config.map_err(TlsError::Pair)?;
        // WebSockets over HTTP/2 are not supported, as on AWS.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Returns an authority's certificate in PEM, and a certificate for `names` that it signed, with its key.
fn certificate(
    names: Vec<String>,
) -> Result<(String, CertificateDer<'static>, KeyPair), rcgen::Error> {
    // Valid since yesterday, because the clocks of containers and phones differ.
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
