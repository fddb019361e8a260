//! The certificates that the interactive client trusts.

use clap::Args;
use lambda_ws_local::emulator::{Failure, accept_any_certificate};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_tungstenite::Connector;

#[derive(Debug, Args)]
pub(super) struct Trust {
    /// Trust only the certificates in this PEM file
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Trust any certificate; for loopback addresses only
    #[arg(long, conflicts_with = "cacert")]
    insecure: bool,
}

impl Trust {
    /// Returns the TLS configuration for `url`. `None` means the default: the system's certificates.
    pub(super) fn connector(&self, url: &http::Uri) -> Result<Option<Connector>, Failure> {
        let config = if let Some(path) = &self.cacert {
            let provider = Arc::new(ring::default_provider());
            let builder = ClientConfig::builder_with_provider(provider);
            let builder = builder.with_safe_default_protocol_versions()?;
            builder.with_root_certificates(roots(path)?)
        } else if self.insecure {
            if !is_loopback(url.host().unwrap_or_default()) {
                return Err(Failure::new(
                    "--insecure works for loopback addresses only: use --cacert FILE",
                ));
            }
            return Ok(Some(Connector::Rustls(accept_any_certificate())));
        } else {
            return Ok(None);
        };
        let config = config.with_no_client_auth();
        Ok(Some(Connector::Rustls(Arc::new(config))))
    }
}

/// Returns the certificates of a PEM file.
pub(super) fn roots(path: &std::path::Path) -> Result<RootCertStore, Failure> {
    let what = || format!("{} contains no valid certificate in PEM", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(
        &std::fs::read(path)
            .map_err(|error| Failure::because(&format!("cannot read {}", path.display()), error))?,
    ) {
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
