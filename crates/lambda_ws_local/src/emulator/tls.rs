//! TLS options of the command line.

use super::failure::Failure;
use crate::gateway::Tls;
use clap::Args;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsOptions {
    /// Serve wss:// with a new certificate for localhost, 127.0.0.1, ::1 and every --allow-host
    #[arg(long)]
    tls: bool,
    /// Write the PEM of the authority that signed the certificate, so that clients can trust it (curl --cacert,
    /// SSL_CERT_FILE, NODE_EXTRA_CA_CERTS). The authority signs no other certificate
    #[arg(long, value_name = "FILE", requires = "tls")]
    tls_cert_out: Option<PathBuf>,
    /// Serve wss:// with this PEM certificate chain, the server's certificate first
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        conflicts_with = "tls"
    )]
    tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl TlsOptions {
    /// Returns the certificate to serve. `hosts` are further names of this machine.
    pub(super) fn read(&self, hosts: &[String]) -> Result<Option<Tls>, Failure> {
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            let tls = Tls::new(&read(certificate)?, &read(key)?);
            let what = format!("cannot serve TLS with {}", certificate.display());
            return tls
                .map(Some)
                .map_err(|error| Failure::because(&what, error));
        }
        if !self.tls {
            return Ok(None);
        }
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let (tls, authority) = Tls::self_signed(names.into_iter().chain(hosts.iter().cloned()))?;
        if let Some(path) = &self.tls_cert_out {
            std::fs::write(path, authority).map_err(|error| {
                Failure::because(&format!("cannot write {}", path.display()), error)
            })?;
        }
        Ok(Some(tls))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::because(&format!("cannot read {}", path.display()), error))
}

/// Returns a client configuration that accepts any certificate. Use it only for servers on loopback addresses.
pub fn accept_any_certificate() -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.expect("the provider is made for the default versions");
    let verifier = Arc::new(AcceptAny(provider));
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Arc::new(builder.with_no_client_auth())
}

/// A verifier that accepts any certificate whose owner has its key.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
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
