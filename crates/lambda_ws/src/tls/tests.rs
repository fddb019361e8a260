//! Tests of the trusted certificates.

use super::verifier::AmazonOrSystem;
use super::verifier::store;
use super::{Roots, provider, verifier};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{
    AlgorithmIdentifier, ServerName, SignatureVerificationAlgorithm, UnixTime,
};
use rustls::{CertificateError, Error, NamedGroup};
use sha2::{Digest, Sha256};
use std::sync::Arc;

fn read(variables: &[(&str, &str)]) -> Roots {
    Roots::read(|name| {
        let mut known = variables.iter().filter(|(known, _)| *known == name);
        known.next().map(|(_, value)| value.into())
    })
}

#[test]
fn the_authorities_of_aws_are_those_that_amazon_publishes() {
    let certificates = verifier::certificates();
    let prints: Vec<_> = certificates
        .iter()
        .map(|one| {
            Sha256::digest(one)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        })
        .collect();
    // From https://www.amazontrust.com/repository/: the hashes of the self-signed certificates.
    let expected = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];
    assert_eq!(prints, expected);
    assert_eq!(store(&certificates).len(), 5);
}

#[test]
fn the_environment_selects_the_trusted_certificates() {
    assert!(matches!(read(&[]), Roots::AmazonOrSystem));
    let result = read(&[("AWS_CA_BUNDLE", "")]);
    assert!(matches!(result, Roots::AmazonOrSystem));
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        assert!(matches!(read(&[(name, "/certificates")]), Roots::System));
    }
}

#[test]
fn a_bundle_replaces_all_other_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.pem");
    let path = bundle.to_str().unwrap();
    let both = [("AWS_CA_BUNDLE", path), ("SSL_CERT_FILE", path)];
    for text in [
        "",
        "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&bundle, text).unwrap();
        assert!(matches!(read(&both), Roots::Bundle(nobody) if nobody.is_empty()));
    }
    let one = rcgen::generate_simple_self_signed(Vec::new()).unwrap();
    std::fs::write(&bundle, one.cert.pem()).unwrap();
    assert!(matches!(read(&both), Roots::Bundle(one) if one.len() == 1));
}

#[test]
fn other_hosts_are_verified_with_the_certificates_of_the_system() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let params = CertificateParams::new(vec!["ws.example.com".to_owned()]).unwrap();
    let host = params
        .signed_by(&KeyPair::generate().unwrap(), &authority)
        .unwrap();
    let verify = |verifier: AmazonOrSystem, name: &'static str| {
        let name = ServerName::try_from(name).unwrap();
        verifier.verify_server_cert(host.der(), &[], &name, &[], UnixTime::now())
    };
    let trusting = |certificates: &[_]| {
        AmazonOrSystem::new(Arc::new(default_provider()), Some(store(certificates))).unwrap()
    };
    let authority = [authority.der().clone()];
    verify(trusting(&authority), "ws.example.com").unwrap();
    let error = verify(trusting(&authority), "other.example.com").unwrap_err();
    assert!(matches!(
        error,
        Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })
    ));
    let other = trusting(&verifier::certificates());
    let error = verify(other, "ws.example.com").unwrap_err();
    let expected = Error::InvalidCertificate(CertificateError::UnknownIssuer);
    assert_eq!(error, expected);
}

#[test]
fn all_algorithms_of_rustls_are_supported_except_x25519_and_chacha20() {
    let (ours, all) = (provider(), default_provider());
    let suites = |provider: &CryptoProvider| {
        let suites = provider.cipher_suites.iter();
        let mut names: Vec<_> = suites.map(|one| format!("{:?}", one.suite())).collect();
        names.sort();
        names
    };
    let mut expected = suites(&all);
    expected.retain(|name| !name.contains("CHACHA20"));
    assert_eq!(suites(&ours), expected);
    let groups = |provider: &CryptoProvider| -> Vec<_> {
        provider.kx_groups.iter().map(|one| one.name()).collect()
    };
    let mut expected = groups(&all);
    expected.retain(|name| *name != NamedGroup::X25519);
    assert_eq!(groups(&ours), expected);
    let schemes = |provider: &CryptoProvider| {
        let supported = provider.signature_verification_algorithms;
        supported.supported_schemes()
    };
    assert_eq!(schemes(&ours), schemes(&all));
    let (ours, all) = (algorithms(&ours), algorithms(&all));
    assert_eq!(ours, all);
}

/// The ids of all signatures, then of those of each scheme.
fn algorithms(provider: &CryptoProvider) -> Vec<Vec<(AlgorithmIdentifier, AlgorithmIdentifier)>> {
    let all = provider.signature_verification_algorithms;
    let of_schemes = all.mapping.iter().map(|(_, algorithms)| *algorithms);
    let ids = |one: &&dyn SignatureVerificationAlgorithm| {
        (one.public_key_alg_id(), one.signature_alg_id())
    };
    std::iter::once(all.all)
        .chain(of_schemes)
        .map(|algorithms| algorithms.iter().map(ids).collect())
        .collect()
}
