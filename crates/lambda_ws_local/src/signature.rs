//! AWS Signature Version 4 of single requests: what the management API (conformance G3) and `AWS_IAM` handshakes
//! (conformance B9) are signed with.
//!
//! ```
//! use lambda_ws::Timestamp;
//! use lambda_ws_local::signature::{Credentials, Request, Signer};
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
//! let added = signer.sign(&request, now);
//! request.headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
//! assert!(signer.verify(&request, now).is_ok());
//! request.body = b"hallo";
//! assert!(signer.verify(&request, now).is_err());
//! ```

mod canonical;
mod claim;
mod error;
mod moment;
#[cfg(test)]
pub(crate) mod tests;

pub use error::SignatureError;

use claim::Claim;
use lambda_ws::Timestamp;
use ring::{digest, hmac};
use std::fmt;
use std::time::Duration;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const UNSIGNED_PAYLOAD: &[u8] = b"UNSIGNED-PAYLOAD";
/// How far the clocks of who signs and who verifies may be apart.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// An access key and its secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The access key's id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The token of temporary credentials. Who has one must send it, who has none must not.
    pub session_token: Option<String>,
}

impl Credentials {
    /// A key pair without a session token.
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
        }
    }
}

impl fmt::Debug for Credentials {
    /// Without what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// An HTTP request, as far as a signature covers it.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The method in capitals.
    pub method: &'a str,
    /// The path as it is sent, encoded.
    pub path: &'a str,
    /// The query string as it is sent, without its question mark.
    pub query: &'a str,
    /// The headers in their order, names in any case.
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

/// Who signs: a key pair, for one service of one region.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// The key pair.
    pub credentials: &'a Credentials,
    /// The region, such as `us-east-1`.
    pub region: &'a str,
    /// The service's signing name, such as `execute-api`.
    pub service: &'a str,
}

impl Signer<'_> {
    /// Whether this signer signed `request`, in its `Authorization` header or its query string, and when it may still
    /// be used at `now`: 5 minutes before and after it was signed, or as long as `X-Amz-Expires` says.
    ///
    /// # Errors
    ///
    /// Why not, in the order in which it is checked: there is a complete signature, for this service and region, of this
    /// time, of this access key; it matches.
    pub fn verify(&self, request: &Request<'_>, now: Timestamp) -> Result<(), SignatureError> {
        let claim = Claim::read(request)?;
        let date = claim.check(self.region, self.service, now)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key(date));
        // Its comparison takes the same time whatever differs: nothing is learned of the token.
        let same = |sent: &str, ours: &str| {
            let ours = hmac::sign(&key, ours.as_bytes());
            hmac::verify(&key, sent.as_bytes(), ours.as_ref()).is_ok()
        };
        let known = match (&claim.token, &self.credentials.session_token) {
            (None, None) => true,
            (Some(sent), Some(ours)) => same(sent, ours),
            _ => false,
        };
        if !known || claim.access_key_id() != self.credentials.access_key_id {
            return Err(SignatureError::UnknownKey);
        }
        let canonical_request = canonical::request(request, &claim.signed_headers);
        let string_to_sign = self.string_to_sign(&canonical_request, &claim.date, date);
        let signature = unhex(&claim.signature);
        let matches = signature.is_some_and(|signature| {
            hmac::verify(&key, string_to_sign.as_bytes(), &signature).is_ok()
        });
        if !matches {
            return Err(SignatureError::Mismatch {
                canonical_request,
                string_to_sign,
            });
        }
        Ok(())
    }

    /// The headers that sign `request`, which has a `Host` already: `X-Amz-Date`, `X-Amz-Security-Token` if there is one,
    /// and `Authorization`.
    pub fn sign(&self, request: &Request<'_>, now: Timestamp) -> Vec<(&'static str, String)> {
        let time = moment::format(now);
        let token = self.credentials.session_token.as_deref();
        let mut signed = request.clone();
        signed.headers.push(("x-amz-date", time.as_bytes()));
        let mut names = "host;x-amz-date".to_owned();
        if let Some(token) = token {
            let name = "x-amz-security-token";
            signed.headers.push((name, token.as_bytes()));
            names.push(';');
            names.push_str(name);
        }
        let date = moment::date(&time);
        let string_to_sign = self.string_to_sign(&canonical::request(&signed, &names), &time, date);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key(date));
        let authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={names}, Signature={}",
            self.credentials.access_key_id,
            self.scope(date),
            hex(hmac::sign(&key, string_to_sign.as_bytes()).as_ref()),
        );
        let mut added = vec![("X-Amz-Date", time), ("Authorization", authorization)];
        if let Some(token) = token {
            added.push(("X-Amz-Security-Token", token.to_owned()));
        }
        added
    }

    /// The key of one day.
    fn key(&self, date: &str) -> [u8; 32] {
        let secret = format!("AWS4{}", self.credentials.secret_access_key);
        let parts = [date, self.region, self.service, TERMINATOR];
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let mut last = [0; 32];
        for part in parts {
            last.copy_from_slice(hmac::sign(&key, part.as_bytes()).as_ref());
            key = hmac::Key::new(hmac::HMAC_SHA256, &last);
        }
        last
    }

    fn scope(&self, date: &str) -> String {
        format!("{date}/{}/{}/{TERMINATOR}", self.region, self.service)
    }

    fn string_to_sign(&self, canonical_request: &str, time: &str, date: &str) -> String {
        let hash = sha256(canonical_request.as_bytes());
        format!("{ALGORITHM}\n{time}\n{}\n{hash}", self.scope(date))
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// The bytes of a signature; capitals are no hexadecimal digits here.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
