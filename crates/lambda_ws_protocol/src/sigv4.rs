//! AWS Signature Version 4 of single requests. It signs requests to the management API (conformance G3) and `AWS_IAM`
//! handshakes (conformance B9).
//!
//! ```
//! use lambda_ws_protocol::Timestamp;
//! use lambda_ws_protocol::sigv4::{Credentials, Request, Signer};
//!
//! let credentials = Credentials::new("test", "secret");
//! let signer = Signer { credentials: &credentials, region: "us-east-1", service: "execute-api" };
//! let now = Timestamp::now();
//! let mut request = Request {
//!     method: "POST",
//!     path: "/dev/@connections/PJqB0fHsqRcCHlw%3D",
//!     query: "",
//!     headers: vec![("host", b"localhost:3001")],
//!     body: b"hello",
//! };
//! let added = signer.sign(&request, now).expect("the credentials are text of one line");
//! request.headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
//! assert!(signer.verify(&request, now).is_ok());
//! request.body = b"hallo";
//! assert!(signer.verify(&request, now).is_err());
//! ```

mod canonical;
mod claim;
mod error;
mod key;
#[cfg(test)]
mod tests;
mod time;
mod verifier;

pub use error::SignatureError;
pub use key::{Signable, Signature, SigningKey};
pub use time::day;
pub use verifier::Verifier;

use crate::Timestamp;
use claim::Claim;
use std::fmt;
use std::time::Duration;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// The maximum difference between the clocks of the signer and the verifier.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// An access key and its secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The id of the access key.
    pub access_key_id: String,
    /// The secret of the access key.
    pub secret_access_key: String,
    /// The token of temporary credentials. Requests must contain it. Without a token, requests must not contain one.
    pub session_token: Option<String>,
}

impl Credentials {
    /// Returns a key pair without a session token.
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
        }
    }
}

impl fmt::Debug for Credentials {
    /// Writes the access key id only, because the other members are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// The parts of an HTTP request that a signature covers.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The method in capitals.
    pub method: &'a str,
    /// The path as it is sent, encoded.
    pub path: &'a str,
    /// The query string as it is sent, without its question mark.
    pub query: &'a str,
    /// The headers in their order. The names can have any case.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// The whole body.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let same = move |(n, _): &&(&'a str, &'a [u8])| n.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| *value)
    }

    fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.values(name).next()
    }
}

/// A signer: a key pair for one service in one Region.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// The key pair.
    pub credentials: &'a Credentials,
    /// The Region, such as `us-east-1`.
    pub region: &'a str,
    /// The signing name of the service, such as `execute-api`.
    pub service: &'a str,
}

impl Signer<'_> {
    /// Verifies that this signer signed `request`, in its `Authorization` header or its query string, and that the
    /// signature is valid at `now`. A signature is valid for 5 minutes before and after the time of signing, or for the
    /// duration in `X-Amz-Expires`.
    ///
    /// # Errors
    ///
    /// Returns the error of the first failed check. The checks are, in this order: the signature is complete; it is for
    /// this service and Region; its time is valid; its access key is known; it matches the request.
    pub fn verify(&self, request: &Request<'_>, now: Timestamp) -> Result<(), SignatureError> {
        let claim = Claim::read(request)?;
        claim.check(self.region, self.service, now)?;
        let key = self.key(claim.time).ok_or(SignatureError::UnknownKey)?;
        let Credentials {
            access_key_id,
            session_token,
            ..
        } = self.credentials;
        let is_known = |token: Option<&str>| key.is_same_token(token, session_token.as_deref());
        claim.verify(request, access_key_id, is_known, &key)
    }

    /// Returns the headers that sign `request`: `X-Amz-Date`, `X-Amz-Security-Token` for temporary credentials, and
    /// `Authorization`. The request must already contain a `Host` header. Returns `None` if the credentials
    /// contain characters that a header cannot contain.
    pub fn sign(
        &self,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Option<Vec<(&'static str, String)>> {
        let key = self.key(now)?;
        let host = request.value("host").unwrap_or_default();
        let signature = key.sign(&Signable {
            method: request.method,
            path: &canonical::normalized(request.path),
            query: request.query,
            host: &String::from_utf8_lossy(host),
            body_hash: &canonical::body_hash(request),
            time: now,
        });
        let mut authorization = Vec::with_capacity(key.authorization_len());
        key.authorize(&signature, |part| authorization.extend_from_slice(part));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut headers = vec![
            ("X-Amz-Date", text(&signature.date)),
            ("Authorization", text(&authorization)),
        ];
        if let Some(token) = key.session_token() {
            headers.push(("X-Amz-Security-Token", token.to_owned()));
        }
        Some(headers)
    }

    fn key(&self, time: Timestamp) -> Option<SigningKey> {
        let Credentials {
            access_key_id,
            secret_access_key,
            session_token,
        } = self.credentials;
        SigningKey::derive(
            access_key_id,
            secret_access_key,
            session_token.as_deref(),
            (self.region, self.service),
            day(time),
        )
    }
}
