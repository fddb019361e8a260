//! Whom TLS trusts: the authorities of the system, or those that the environment names.

use crate::error::BoxError;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tracing::error;

/// A file of certificates in PEM that are trusted instead of the system's, as AWS's command line does.
const BUNDLE: &str = "AWS_CA_BUNDLE";

/// Whom TLS trusts.
#[derive(Debug, Clone)]
pub(crate) enum Roots {
    /// Whom the system trusts; `SSL_CERT_FILE` and `SSL_CERT_DIR` say where else that is written.
    System,
    /// These and nobody else.
    Bundle(Vec<CertificateDer<'static>>),
}

impl Roots {
    /// As the process's environment says.
    pub(crate) fn process() -> Self {
        Self::read(|name| std::env::var_os(name))
    }

    /// As `variable` says. A bundle that cannot be read is logged and leaves nobody to trust: who
    /// narrows down whom to trust must not get everybody.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let Some(path) = variable(BUNDLE).filter(|path| !path.is_empty()) else {
            return Self::System;
        };
        let path = PathBuf::from(path);
        Self::Bundle(certificates(&path).unwrap_or_else(|error| {
            error!(
                error = &*error as &dyn std::error::Error,
                "no TLS connection can be made: {} of {BUNDLE} has no certificates in PEM that can be \
                 read",
                path.display()
            );
            Vec::new()
        }))
    }

    /// For connections of our own.
    ///
    /// # Errors
    ///
    /// The system trusts nobody.
    #[cfg(feature = "apigateway")]
    pub(crate) fn config(&self) -> Result<rustls::ClientConfig, BoxError> {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?;
        let config = match self {
            Self::System => hyper_rustls::ConfigBuilderExt::with_native_roots(config)?,
            Self::Bundle(certificates) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates.iter().cloned());
                config.with_root_certificates(roots)
            }
        };
        Ok(config.with_no_client_auth())
    }

    /// For the AWS SDK.
    fn store(&self) -> TrustStore {
        match self {
            Self::System => TrustStore::default(),
            Self::Bundle(certificates) => certificates
                .iter()
                .fold(TrustStore::empty(), |store, certificate| {
                    store.with_pem_certificate(pem(certificate))
                }),
        }
    }
}

/// An HTTPS client for the AWS SDK that trusts whom the environment names: the certificates of the PEM
/// file `AWS_CA_BUNDLE`, else those of the system, or of `SSL_CERT_FILE`.
///
/// The SDK's own clients do not know the first of these variables.
pub fn https_client() -> SharedHttpClient {
    client(&Roots::process())
}

pub(crate) fn client(roots: &Roots) -> SharedHttpClient {
    let context = TlsContext::builder().with_trust_store(roots.store());
    Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context.build().expect("there is nothing to be wrong"))
        .build_https()
}

/// The certificates of a file; at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BoxError> {
    let all = CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()?;
    let mut known = RootCertStore::empty();
    // One that rustls does not understand is no reason to do without the others.
    let all = all.into_iter();
    let usable: Vec<_> = all.filter(|one| known.add(one.clone()).is_ok()).collect();
    match usable.is_empty() {
        true => Err("it has no certificate that could be an authority's".into()),
        false => Ok(usable),
    }
}

/// A certificate in PEM.
fn pem(certificate: &CertificateDer<'_>) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let base64 = STANDARD.encode(certificate);
    for line in base64.as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).expect("Base64 is ASCII"));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}
