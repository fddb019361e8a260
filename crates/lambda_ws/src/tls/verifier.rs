//! The verification of certificates: with the authorities of AWS's services, and with the system's.

use crate::error::BoxError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::{Arc, OnceLock};

const AMAZON: &[u8] = include_bytes!("amazon.pem");

pub(super) fn certificates() -> Vec<CertificateDer<'static>> {
    let all = CertificateDer::pem_slice_iter(AMAZON);
    all.map(|one| one.expect("a test parses them")).collect()
}

/// Verifies a host with the authorities of AWS's services, then with the system's.
#[derive(Debug)]
pub(super) struct AmazonOrSystem {
    amazon: Arc<WebPkiServerVerifier>,
    /// Read for the first host with a certificate from another authority.
    system: OnceLock<Result<Arc<WebPkiServerVerifier>, String>>,
    provider: Arc<CryptoProvider>,
}

impl AmazonOrSystem {
    /// Creates a verifier with Amazon's authorities, and `system` or the system's.
    pub(super) fn new(
        provider: Arc<CryptoProvider>,
        system: Option<RootCertStore>,
    ) -> Result<Self, BoxError> {
        let system = system.map(|roots| verifier(roots, provider.clone()));
        let system = system.transpose()?;
        Ok(Self {
            amazon: verifier(store(&certificates()), provider.clone())?,
            system: system.map_or_else(OnceLock::new, |system| OnceLock::from(Ok(system))),
            provider,
        })
    }

    fn system(&self) -> Result<&WebPkiServerVerifier, Error> {
        let system = self.system.get_or_init(|| {
            let verifier = system().and_then(|roots| verifier(roots, self.provider.clone()));
            verifier.map_err(|error| error.to_string())
        });
        match system {
            Ok(verifier) => Ok(verifier),
            Err(error) => Err(Error::General(error.clone())),
        }
    }
}

impl ServerCertVerifier for AmazonOrSystem {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        match verify(&self.amazon) {
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                verify(self.system()?)
            }
            verified => verified,
        }
    }

    // Both are independent of the trusted certificates.

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.amazon
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.amazon
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.amazon.supported_verify_schemes()
    }
}

pub(super) fn system() -> Result<RootCertStore, BoxError> {
    let found = rustls_native_certs::load_native_certs();
    let roots = store(&found.certs);
    match (roots.is_empty(), found.errors.into_iter().next()) {
        (false, _) => Ok(roots),
        (true, Some(error)) => Err(error.into()),
        (true, None) => Err("the system has no certificates of authorities".into()),
    }
}

/// Returns the certificates that rustls supports.
pub(super) fn store(certificates: &[CertificateDer<'static>]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    roots
}

fn verifier(
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, BoxError> {
    Ok(WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?)
}
