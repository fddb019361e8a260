//! Whom TLS trusts: Amazon and the authorities of the system, or those that the environment names.

#[cfg(test)]
mod tests;
mod verifier;

use crate::error::BoxError;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CipherSuite, ClientConfig, NamedGroup, RootCertStore};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tracing::error;
use verifier::{AmazonOrSystem, store, system};

/// A file of certificates in PEM that are trusted instead of the system's, as AWS's command line does.
const BUNDLE: &str = "AWS_CA_BUNDLE";

/// Where the system's certificates are, for those who say so.
const SYSTEM: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Whom TLS trusts.
#[derive(Debug, Clone)]
pub(crate) enum Roots {
    /// The authorities of AWS's services, and whom the system trusts: that is read, which takes
    /// milliseconds, for a host that has a certificate of somebody else.
    AmazonOrSystem,
    /// Whom the system trusts, or the certificates of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    System,
    /// These and nobody else.
    Bundle(Arc<RootCertStore>),
}

impl Roots {
    /// As `variable` says. A bundle that cannot be read is logged and leaves nobody to trust: who
    /// narrows down whom to trust must not get everybody.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let Some(path) = variable(BUNDLE).map(PathBuf::from) else {
            return match SYSTEM.into_iter().any(|name| variable(name).is_some()) {
                true => Self::System,
                false => Self::AmazonOrSystem,
            };
        };
        Self::Bundle(Arc::new(bundle(&path).unwrap_or_else(|error| {
            error!(
                error = &*error as &dyn std::error::Error,
                "no TLS connection can be made: {} of {BUNDLE} has no certificates in PEM that can be \
                 read",
                path.display()
            );
            RootCertStore::empty()
        })))
    }

    fn config(&self) -> Result<ClientConfig, BoxError> {
        let provider = Arc::new(provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let config = match self {
            // It looks for an authority like any other verifier, in two places.
            Self::AmazonOrSystem => config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AmazonOrSystem::new(provider, None)?)),
            Self::System => config.with_root_certificates(system()?),
            Self::Bundle(roots) => config.with_root_certificates(roots.clone()),
        };
        Ok(config.with_no_client_auth())
    }
}

/// How TLS is spoken. Clones share their configuration, which is made for the first connection, and the sessions
/// that a later one resumes, which saves half of a handshake.
#[derive(Debug, Clone)]
pub(crate) struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    roots: Roots,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Tls {
    /// As the process's environment says; the same for all that ask.
    pub(crate) fn process() -> Self {
        static PROCESS: OnceLock<Tls> = OnceLock::new();
        let tls =
            PROCESS.get_or_init(|| Self::trusting(Roots::read(|name| std::env::var_os(name))));
        tls.clone()
    }

    /// TLS that trusts `roots`.
    pub(crate) fn trusting(roots: Roots) -> Self {
        Self(Arc::new(Shared {
            roots,
            config: OnceLock::new(),
        }))
    }

    /// # Errors
    ///
    /// Nobody is trusted.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, BoxError> {
        let config = self.0.config.get_or_init(|| {
            let made = self.0.roots.config();
            made.map(Arc::new)
                .map_err(|error| format!("TLS cannot be spoken: {error}"))
        });
        Ok(config.clone()?)
    }
}

/// With the fastest first, as programs are built for Lambda: AES-128 with SHA-256, for both of which processors have
/// instructions, and P-256, which costs half of X25519 where that is built to be small. AWS speaks all of them.
fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    let suites = &mut provider.cipher_suites;
    suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let groups = &mut provider.kx_groups;
    groups.sort_by_key(|group| group.name() != NamedGroup::secp256r1);
    provider
}

/// The certificates of a file; at least one.
fn bundle(path: &Path) -> Result<RootCertStore, BoxError> {
    let all = CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()?;
    // One that rustls does not understand is no reason to do without the others.
    let roots = store(&all);
    match roots.is_empty() {
        true => Err("it has no certificate that could be an authority's".into()),
        false => Ok(roots),
    }
}
