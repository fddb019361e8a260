//! The key that signs the requests of one day.

use super::canonical;
use super::time::{date, date_time};
use super::{ALGORITHM, TERMINATOR};
use crate::Timestamp;
use crate::hex::hex;
use ::time::Date;
use ring::digest::{Context, Digest, SHA256};
use ring::hmac::{self, HMAC_SHA256};
use std::sync::{Mutex, PoisonError};

/// The key that signs the requests of one day, for one service in one Region.
pub struct SigningKey {
    hmac: hmac::Key,
    /// `AWS4-HMAC-SHA256 Credential={access key}/{date}/{region}/{service}/aws4_request`.
    credential: String,
    /// The position of the scope in `credential`. The scope starts with the date.
    scope: usize,
    day: Date,
    session_token: Option<String>,
    /// The last second with a signature.
    second: Mutex<Option<Second>>,
}

/// What the signatures of one second have in common.
#[derive(Clone)]
struct Second {
    secs: u64,
    date: [u8; 16],
    /// The HMAC of the string to sign up to the hash of the canonical request. Its first block is complete.
    begun: hmac::Context,
}

/// A canonical request that is hashed in few large parts, because each part has a fixed cost.
struct CanonicalHash {
    hash: Context,
    buffer: [u8; BUFFER],
    len: usize,
}

/// The usual size of a canonical request without a session token, in bytes.
const BUFFER: usize = 320;

/// A request to sign, with the three headers that are signed: `host`, `x-amz-date` and `x-amz-security-token`.
#[derive(Debug, Clone, Copy)]
pub struct Signable<'a> {
    /// The method in capitals.
    pub method: &'a str,
    /// The path as it is sent, encoded and without empty, `.` and `..` segments.
    pub path: &'a str,
    /// The query string as it is sent, without its question mark.
    pub query: &'a str,
    /// The value of the `Host` header.
    pub host: &'a str,
    /// The SHA-256 of the body in hexadecimal digits.
    pub body_hash: &'a str,
    /// The time of signing, on the day of the key.
    pub time: Timestamp,
}

/// The signature of a [`Signable`].
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// The value of the `X-Amz-Date` header: `20261123T225501Z`.
    pub date: [u8; 16],
    digits: [u8; 64],
}

impl SigningKey {
    /// Derives the key of a day. Returns `None` if the access key or the session token contains a character that a
    /// header cannot contain.
    pub fn derive(
        access_key_id: &str,
        secret_access_key: &str,
        session_token: Option<&str>,
        (region, service): (&str, &str),
        day: Date,
    ) -> Option<Self> {
        let date = date(day);
        let date = std::str::from_utf8(&date).expect("digits are text");
        let prefix = format!("{ALGORITHM} Credential={access_key_id}/");
        let credential = format!("{prefix}{date}/{region}/{service}/{TERMINATOR}");
        let is_header = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !is_header(&credential) || !session_token.is_none_or(is_header) {
            return None;
        }
        let mut key = hmac::Key::new(HMAC_SHA256, format!("AWS4{secret_access_key}").as_bytes());
        for part in [date, region, service, TERMINATOR] {
            key = hmac::Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
        }
        Some(Self {
            hmac: key,
            credential,
            scope: prefix.len(),
            day,
            session_token: session_token.map(str::to_owned),
            second: Mutex::default(),
        })
    }

    /// Returns the token of temporary credentials.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Returns the maximum length of an `Authorization` header, in bytes.
    pub fn authorization_len(&self) -> usize {
        self.credential.len() + 150
    }

    /// Returns the day of the key.
    pub fn day(&self) -> Date {
        self.day
    }

    /// Signs a request of the key's day.
    pub fn sign(&self, request: &Signable<'_>) -> Signature {
        let Second { date, begun, .. } = self.second(request.time);
        let mut canonical = CanonicalHash::new();
        let mut add = |part: &[u8]| canonical.add(part);
        add(request.method.as_bytes());
        add(b"\n");
        canonical::path(request.path, &mut add);
        add(b"\n");
        if !request.query.is_empty() {
            add(canonical::query(request.query).as_bytes());
        }
        add(b"\nhost:");
        add(request.host.as_bytes());
        add(b"\nx-amz-date:");
        add(&date);
        if let Some(token) = &self.session_token {
            add(b"\nx-amz-security-token:");
            add(token.as_bytes());
        }
        add(b"\n\n");
        add(self.signed_headers().as_bytes());
        add(b"\n");
        add(request.body_hash.as_bytes());
        let mut signature = begun;
        signature.update(&hex(canonical.finish().as_ref()));
        Signature {
            date,
            digits: hex(signature.sign().as_ref()),
        }
    }

    /// Returns the common parts of the signatures of a second.
    fn second(&self, time: Timestamp) -> Second {
        let secs = time.secs();
        // It is complete after any panic.
        let mut last = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(second) = last.as_ref().filter(|second| second.secs == secs) {
            return second.clone();
        }
        let date = date_time(self.day, time);
        let mut begun = hmac::Context::with_key(&self.hmac);
        self.string_to_sign(&date, |part| begun.update(part));
        let second = Second { secs, date, begun };
        *last = Some(second.clone());
        second
    }

    /// Adds the value of the `Authorization` header.
    pub fn authorize(&self, signature: &Signature, mut add: impl FnMut(&[u8])) {
        add(self.credential.as_bytes());
        add(b", SignedHeaders=");
        add(self.signed_headers().as_bytes());
        add(b", Signature=");
        add(&signature.digits);
    }

    /// Returns whether `signature` is the signature of a canonical request. The comparison takes constant time.
    pub(super) fn verify(&self, date: &str, canonical_request: &str, signature: &[u8]) -> bool {
        let text = self.text_to_sign(date, canonical_request);
        hmac::verify(&self.hmac, text.as_bytes(), signature).is_ok()
    }

    /// Returns whether two session tokens are equal. The comparison takes constant time.
    pub(super) fn is_same_token(&self, one: Option<&str>, other: Option<&str>) -> bool {
        match (one, other) {
            (None, None) => true,
            (Some(one), Some(other)) => {
                let other = hmac::sign(&self.hmac, other.as_bytes());
                hmac::verify(&self.hmac, one.as_bytes(), other.as_ref()).is_ok()
            }
            _ => false,
        }
    }

    /// Returns the string to sign of a canonical request.
    pub(super) fn text_to_sign(&self, date: &str, canonical_request: &str) -> String {
        let hash = ring::digest::digest(&SHA256, canonical_request.as_bytes());
        let mut text = Vec::with_capacity(160);
        self.string_to_sign(date.as_bytes(), |part| text.extend_from_slice(part));
        text.extend_from_slice(&hex(hash.as_ref()));
        String::from_utf8(text).expect("its parts are text")
    }

    /// Adds the string to sign up to the hash of the canonical request.
    fn string_to_sign(&self, date: &[u8], mut add: impl FnMut(&[u8])) {
        add(ALGORITHM.as_bytes());
        add(b"\n");
        add(date);
        add(b"\n");
        add(&self.credential.as_bytes()[self.scope..]);
        add(b"\n");
    }

    const fn signed_headers(&self) -> &'static str {
        match self.session_token {
            Some(_) => "host;x-amz-date;x-amz-security-token",
            None => "host;x-amz-date",
        }
    }
}

impl CanonicalHash {
    fn new() -> Self {
        Self {
            hash: Context::new(&SHA256),
            buffer: [0; BUFFER],
            len: 0,
        }
    }

    fn add(&mut self, part: &[u8]) {
        if let Some(room) = self.buffer[self.len..].get_mut(..part.len()) {
            room.copy_from_slice(part);
            self.len += part.len();
            return;
        }
        self.hash.update(&self.buffer[..self.len]);
        self.hash.update(part);
        self.len = 0;
    }

    fn finish(mut self) -> Digest {
        self.hash.update(&self.buffer[..self.len]);
        self.hash.finish()
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("day", &self.day)
            .finish_non_exhaustive()
    }
}
