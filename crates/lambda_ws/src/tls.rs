//! The trusted certificates of TLS: Amazon's and the system's, or those of the environment.

mod provider;
#[cfg(test)]
mod tests;
mod verifier;

use crate::error::BoxError;
use provider::provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, RootCertStore};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tracing::error;
use verifier::{AmazonOrSystem, store, system};

/// A PEM file of certificates that replace the system's, as in the AWS CLI.
const BUNDLE: &str = "AWS_CA_BUNDLE";

/// The locations of the system's certificates, if they are set.
const SYSTEM: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

#[derive(Debug, Clone)]
pub(crate) enum Roots {
    /// The authorities of AWS's services and the system's. The system's are read, which takes milliseconds, for a
    /// host with a certificate from another authority.
    AmazonOrSystem,
    /// The system's certificates, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    System,
    /// Only these.
    Bundle(Arc<RootCertStore>),
}

impl Roots {
    /// Reads variables through a function. If a bundle cannot be read, the error is logged and no certificate is
    /// trusted: a restriction must not turn into trust in all.
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
                "TLS connections are not possible: {} of {BUNDLE} does not contain a valid PEM \
                 certificate",
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
            // The verifier checks two sources.
            Self::AmazonOrSystem => config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AmazonOrSystem::new(provider, None)?)),
            Self::System => config.with_root_certificates(system()?),
            Self::Bundle(roots) => config.with_root_certificates(roots.clone()),
        };
        Ok(config.with_no_client_auth())
    }
}

/// The TLS configuration. Clones share it, and the sessions that later connections resume, which saves half of a
/// handshake. The first connection creates it.
#[derive(Debug, Clone)]
pub(crate) struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    roots: Roots,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Tls {
    /// Returns the shared configuration from the process's environment.
    pub(crate) fn process() -> Self {
        static PROCESS: OnceLock<Tls> = OnceLock::new();
        let tls =
            PROCESS.get_or_init(|| Self::trusting(Roots::read(|name| std::env::var_os(name))));
        tls.clone()
    }

    pub(crate) fn trusting(roots: Roots) -> Self {
        Self(Arc::new(Shared {
            roots,
            config: OnceLock::new(),
        }))
    }

    /// # Errors
    ///
    /// No certificate is trusted.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, BoxError> {
        let config = self.0.config.get_or_init(|| {
            let made = self.0.roots.config();
            made.map(Arc::new)
                .map_err(|error| format!("TLS is not possible: {error}"))
        });
        Ok(config.clone()?)
    }
}

/// Adds the fix to the error of a connection, if the settings of the host or of this process cause it.
pub(crate) fn with_fix(error: BoxError) -> BoxError {
    use AlertDescription::{HandshakeFailure, InsufficientSecurity, ProtocolVersion};

    let fix = match cause(&*error) {
        Some(Error::AlertReceived(HandshakeFailure | InsufficientSecurity | ProtocolVersion)) => {
            "configure the host for TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM, with the curve P-256 or P-384, and a \
             certificate with a key of RSA, P-256, P-384 or Ed25519"
        }
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "set AWS_CA_BUNDLE to a PEM file with all trusted authorities, also that of this host"
        }
        _ => return error,
    };
    format!("{error}; fix: {fix}").into()
}

/// Returns the error of rustls in an error of a connection.
fn cause<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Error> {
    match error.downcast_ref::<Error>() {
        None => cause(error.downcast_ref::<std::io::Error>()?.get_ref()?),
        found => found,
    }
}

/// Reads the certificates of a file, which must contain at least one.
fn bundle(path: &Path) -> Result<RootCertStore, BoxError> {
    let all = CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()?;
    // Certificates that rustls does not support are skipped.
    let roots = store(&all);
    match roots.is_empty() {
        true => Err("it does not contain a certificate of an authority".into()),
        false => Ok(roots),
    }
}
