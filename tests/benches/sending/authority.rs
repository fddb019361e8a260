//! A certificate for the server, and the authority that the clients trust.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// Files in PEM, until it is dropped.
#[derive(Debug)]
pub(super) struct Authority {
    folder: TempDir,
}

impl Authority {
    pub(super) fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        let server = server.signed_by(&key, &authority)?;
        let files = Self {
            folder: tempfile::tempdir()?,
        };
        fs::write(files.root(), authority.pem())?;
        fs::write(files.certificate(), server.pem())?;
        fs::write(files.key(), key.serialize_pem())?;
        Ok(files)
    }

    /// The value of `AWS_CA_BUNDLE`.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }
}
