//! AWS Signature Version 4, for requests of the one form that the management API takes.

use super::endpoint::{encoded, is_unreserved};
use crate::Timestamp;
use ring::digest::{Context, SHA256};
use ring::hmac::{self, HMAC_SHA256};
use time::{Date, OffsetDateTime};

const SERVICE: &str = "execute-api";

/// What signs the requests of one day.
pub(super) struct Key {
    hmac: hmac::Key,
    /// `{access key}/{date}/{region}/execute-api/aws4_request`, behind what stands before it.
    credential: String,
    /// Where the scope begins in it.
    scope: usize,
    day: Date,
    token: Option<String>,
}

/// What is signed.
pub(super) struct Subject<'a> {
    pub(super) method: &'a str,
    /// As it is sent.
    pub(super) path: &'a str,
    pub(super) host: &'a str,
    /// The payload's SHA-256, in hexadecimal digits.
    pub(super) hash: &'a str,
    pub(super) time: Timestamp,
}

/// What a request is signed with.
pub(super) struct Signature {
    /// `20261123T225501Z`.
    pub(super) date: [u8; 16],
    digits: [u8; 64],
}

impl Key {
    /// The key of a day. `None` if key or token could not stand in a header.
    pub(super) fn derive(
        access_key: &str,
        secret: &str,
        token: Option<&str>,
        region: &str,
        day: Date,
    ) -> Option<Self> {
        let date = date(day);
        let date = std::str::from_utf8(&date).ok()?;
        let sign =
            |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(HMAC_SHA256, key), text.as_bytes());
        let key = sign(format!("AWS4{secret}").as_bytes(), date);
        let key = sign(key.as_ref(), region);
        let key = sign(key.as_ref(), SERVICE);
        let key = sign(key.as_ref(), "aws4_request");
        let before = format!("AWS4-HMAC-SHA256 Credential={access_key}/");
        let credential = format!("{before}{date}/{region}/{SERVICE}/aws4_request");
        if ![Some(&*credential), token]
            .into_iter()
            .flatten()
            .all(is_line)
        {
            return None;
        }
        Some(Self {
            hmac: hmac::Key::new(HMAC_SHA256, key.as_ref()),
            credential,
            scope: before.len(),
            day,
            token: token.map(str::to_owned),
        })
    }

    /// The session's token, if the credentials have one.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// How long an `Authorization` is at most, in bytes.
    pub(super) fn size(&self) -> usize {
        self.credential.len() + 150
    }

    /// The day it is for.
    pub(super) fn day(&self) -> Date {
        self.day
    }

    /// Signs a request of that day.
    pub(super) fn sign(&self, subject: &Subject<'_>) -> Signature {
        let date = date_time(self.day, subject.time);
        let mut request = Context::new(&SHA256);
        let mut add = |part: &[u8]| request.update(part);
        add(subject.method.as_bytes());
        add(b"\n");
        canonical(subject.path, &mut add);
        add(b"\n\nhost:");
        add(subject.host.as_bytes());
        add(b"\nx-amz-date:");
        add(&date);
        if let Some(token) = &self.token {
            add(b"\nx-amz-security-token:");
            add(token.as_bytes());
        }
        add(b"\n\n");
        add(self.names().as_bytes());
        add(b"\n");
        add(subject.hash.as_bytes());

        let mut signature = hmac::Context::with_key(&self.hmac);
        signature.update(b"AWS4-HMAC-SHA256\n");
        signature.update(&date);
        signature.update(b"\n");
        signature.update(&self.credential.as_bytes()[self.scope..]);
        signature.update(b"\n");
        signature.update(&hex(request.finish().as_ref()));
        let signature = hex(signature.sign().as_ref());

        Signature {
            date,
            digits: signature,
        }
    }

    /// Adds the value of the `Authorization` header.
    pub(super) fn authorize(&self, signature: &Signature, mut add: impl FnMut(&[u8])) {
        add(self.credential.as_bytes());
        add(b", SignedHeaders=");
        add(self.names().as_bytes());
        add(b", Signature=");
        add(&signature.digits);
    }

    /// The names of the headers that are signed.
    const fn names(&self) -> &'static str {
        match self.token {
            Some(_) => "host;x-amz-date;x-amz-security-token",
            None => "host;x-amz-date",
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("day", &self.day)
            .finish_non_exhaustive()
    }
}

/// Whether a text can stand in a header.
fn is_line(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The day of a time.
pub(super) fn day(time: Timestamp) -> Date {
    let secs = i64::try_from(time.secs()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(secs).map_or(Date::MIN, OffsetDateTime::date)
}

/// The path as it is signed: each byte that is not unreserved is encoded, those of `%XX` too.
fn canonical(path: &str, add: &mut impl FnMut(&[u8])) {
    let bytes = path.as_bytes();
    let mut start = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if !is_unreserved(*byte) && *byte != b'/' {
            add(&bytes[start..index]);
            add(&encoded(*byte));
            start = index + 1;
        }
    }
    add(&bytes[start..]);
}

/// `20261123`.
fn date(day: Date) -> [u8; 8] {
    let number = day.year().unsigned_abs() * 10_000
        + u32::from(u8::from(day.month())) * 100
        + u32::from(day.day());
    let mut digits = [b'0'; 8];
    write_digits(&mut digits, number);
    digits
}

/// `20261123T225501Z`.
fn date_time(day: Date, time: Timestamp) -> [u8; 16] {
    let second = u32::try_from(time.secs() % 86_400).expect("a day has 86 400 seconds");
    let clock = second / 3600 * 10_000 + second / 60 % 60 * 100 + second % 60;
    let mut text = *b"00000000T000000Z";
    text[..8].copy_from_slice(&date(day));
    write_digits(&mut text[9..15], clock);
    text
}

fn write_digits(digits: &mut [u8], mut number: u32) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// 32 bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}
