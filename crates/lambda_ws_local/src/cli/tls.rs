//! `wss://` on the command line.

use super::failure::Failure;
use clap::Args;
use lambda_ws_local::gateway::Tls;
use std::path::{Path, PathBuf};

/// Whether clients speak TLS, and with which certificate.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsArgs {
    /// Serve wss:// with a new certificate for localhost, 127.0.0.1, ::1 and every --allow-host
    #[arg(long)]
    tls: bool,
    /// Write the PEM of the authority that signed the certificate, for clients to trust (curl
    /// --cacert, SSL_CERT_FILE, NODE_EXTRA_CA_CERTS): it can sign no other
    #[arg(long, value_name = "FILE", requires = "tls")]
    tls_cert_out: Option<PathBuf>,
    /// Serve wss:// with this certificate, in PEM, the server's own first
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

impl TlsArgs {
    /// The certificate to serve with; `hosts` are names of this machine besides its own.
    pub(super) fn read(&self, hosts: &[String]) -> Result<Option<Tls>, Failure> {
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            let tls = Tls::new(&read(certificate)?, &read(key)?);
            let what = format!("{} cannot be served with", certificate.display());
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
                Failure::because(&format!("{} cannot be written", path.display()), error)
            })?;
        }
        Ok(Some(tls))
    }
}

/// The bytes of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::because(&format!("{} cannot be read", path.display()), error))
}
