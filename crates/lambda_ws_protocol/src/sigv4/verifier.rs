//! A verifier that keeps the signing key.

use super::claim::Claim;
use super::{Credentials, Request, SignatureError, Signer, SigningKey, day};
use crate::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// A verifier of the signatures of one [`Signer`]. It keeps the key of the last day: its derivation takes half of the
/// time of [`Signer::verify`].
///
/// ```
/// use lambda_ws_protocol::Timestamp;
/// use lambda_ws_protocol::sigv4::{Credentials, Request, Verifier};
///
/// let verifier = Verifier::new(Credentials::new("test", "secret"), "us-east-1", "execute-api");
/// let now = Timestamp::now();
/// let path = "/dev/@connections/PJqB0fHsqRcCHlw%3D";
/// let headers = vec![("host", &b"localhost:3001"[..])];
/// let mut request = Request { method: "POST", path, query: "", headers, body: b"hello" };
/// let added = verifier.signer().sign(&request, now).expect("the credentials are text of one line");
/// request.headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
/// assert!(verifier.verify(&request, |_| false, now).is_ok());
/// request.body = b"hallo";
/// assert!(verifier.verify(&request, |_| false, now).is_err());
/// ```
#[derive(Debug)]
pub struct Verifier {
    credentials: Credentials,
    region: String,
    service: String,
    key: Mutex<Option<Arc<SigningKey>>>,
}

impl Verifier {
    /// Returns a verifier of the signatures of a key pair, for one service in one Region.
    pub fn new(
        credentials: Credentials,
        region: impl Into<String>,
        service: impl Into<String>,
    ) -> Self {
        Self {
            credentials,
            region: region.into(),
            service: service.into(),
            key: Mutex::default(),
        }
    }

    /// Returns the signer of the same signatures.
    pub fn signer(&self) -> Signer<'_> {
        Signer {
            credentials: &self.credentials,
            region: &self.region,
            service: &self.service,
        }
    }

    /// Verifies a request like [`Signer::verify`]. A request may also have a session token for which `is_issued` returns
    /// true, instead of that of the credentials.
    ///
    /// # Errors
    ///
    /// As [`Signer::verify`].
    pub fn verify(
        &self,
        request: &Request<'_>,
        is_issued: impl FnOnce(&str) -> bool,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let claim = Claim::read(request)?;
        claim.check(&self.region, &self.service, now)?;
        let key = self.key(claim.time).ok_or(SignatureError::UnknownKey)?;
        let Credentials {
            access_key_id,
            session_token,
            ..
        } = &self.credentials;
        let is_known = |token: Option<&str>| {
            token.is_some_and(is_issued) || key.is_same_token(token, session_token.as_deref())
        };
        claim.verify(request, access_key_id, is_known, &key)
    }

    fn key(&self, time: Timestamp) -> Option<Arc<SigningKey>> {
        let mut last = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = last.as_ref().filter(|key| key.day() == day(time)) {
            return Some(key.clone());
        }
        let key = Arc::new(self.signer().key(time)?);
        *last = Some(key.clone());
        Some(key)
    }
}
