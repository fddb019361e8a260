//! Whom the interactive client trusts.

use super::failure::Failure;
use super::tls;
use clap::Args;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_tungstenite::Connector;

/// Which certificates are trusted, besides those the system trusts.
#[derive(Debug, Args)]
pub(super) struct Trust {
    /// Trust the certificates of this file, in PEM, and no others
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Trust any certificate; for loopback addresses only
    #[arg(long, conflicts_with = "cacert")]
    insecure: bool,
}

impl Trust {
    /// How to connect to `url`: `None` for the default, the system's certificates.
    pub(super) fn connector(&self, url: &http::Uri) -> Result<Option<Connector>, Failure> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions()?;
        let config = if let Some(path) = &self.cacert {
            builder.with_root_certificates(roots(path)?)
        } else if self.insecure {
            if !is_loopback(url.host().unwrap_or_default()) {
                return Err(Failure::new(
                    "--insecure is for loopback addresses only: give --cacert FILE",
                ));
            }
            let anyone = Arc::new(Anyone(provider));
            builder.dangerous().with_custom_certificate_verifier(anyone)
        } else {
            return Ok(None);
        };
        let config = config.with_no_client_auth();
        Ok(Some(Connector::Rustls(Arc::new(config))))
    }
}

/// Trusts any certificate: for a server of this process.
pub(super) fn anyone() -> Connector {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.expect("the provider is made for the default versions");
    let anyone = Arc::new(Anyone(provider));
    let builder = builder.dangerous().with_custom_certificate_verifier(anyone);
    Connector::Rustls(Arc::new(builder.with_no_client_auth()))
}

fn roots(path: &std::path::Path) -> Result<RootCertStore, Failure> {
    let what = || {
        format!(
            "{} has no certificate in PEM that can be used",
            path.display()
        )
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&tls::read(path)?) {
        let certificate = certificate.map_err(|error| Failure::because(&what(), error))?;
        let added = roots.add(certificate);
        added.map_err(|error| Failure::because(&what(), error))?;
    }
    if roots.is_empty() {
        return Err(Failure::new(what()));
    }
    Ok(roots)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// Trusts any certificate whose owner has its key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine_alone() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "localhost.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "example.com",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
