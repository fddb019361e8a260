//! The canonical form of requests, which is signed.

use super::{Request, UNSIGNED_PAYLOAD};
use crate::hex::hex;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use std::borrow::Cow;

/// The characters that are encoded in a query string: all except the unreserved characters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// Returns the canonical request for a list of signed headers, separated by semicolons.
pub(super) fn request(request: &Request<'_>, signed_headers: &str) -> String {
    let mut names: Vec<&str> = signed_headers.split(';').collect();
    names.sort_unstable();
    let mut text = String::with_capacity(512);
    text.push_str(request.method);
    text.push('\n');
    // AWS signs the sent path, encoded once more: `%3D` becomes `%253D` and `=` becomes `%3D` (conformance G1).
    path(&normalized(request.path), &mut |part| {
        text.push_str(
            std::str::from_utf8(part).expect("the parts are text that is split at ASCII bytes"),
        );
    });
    text.push('\n');
    text.push_str(&query(request.query));
    text.push('\n');
    for name in &names {
        text.push_str(name);
        for (i, value) in request.values(name).enumerate() {
            text.push(if i == 0 { ':' } else { ',' });
            trimmed(&mut text, value);
        }
        if request.value(name).is_none() {
            text.push(':');
        }
        text.push('\n');
    }
    text.push('\n');
    for (i, name) in names.iter().enumerate() {
        if i > 0 {
            text.push(';');
        }
        text.push_str(name);
    }
    text.push('\n');
    text.push_str(&body_hash(request));
    text
}

/// Returns the hash of the body, or `UNSIGNED-PAYLOAD` if the header excludes the body. A hash in the header is ignored.
pub(super) fn body_hash(request: &Request<'_>) -> Cow<'static, str> {
    if request.value("x-amz-content-sha256") == Some(UNSIGNED_PAYLOAD.as_bytes()) {
        return UNSIGNED_PAYLOAD.into();
    }
    let hash = ring::digest::digest(&ring::digest::SHA256, request.body);
    let digits = hex(hash.as_ref()).to_vec();
    String::from_utf8(digits).expect("digits are text").into()
}

/// Returns a path without empty, `.` and `..` segments (RFC 3986, 5.2.4).
pub(super) fn normalized(path: &str) -> Cow<'_, str> {
    let is_plain = path.starts_with('/') && !path.contains("//") && !path.contains("/.");
    if is_plain {
        return Cow::Borrowed(path);
    }
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let mut normalized = format!("/{}", segments.join("/"));
    let is_folder = matches!(path.rsplit('/').next(), Some("" | "." | ".."));
    if is_folder && !normalized.ends_with('/') {
        normalized.push('/');
    }
    Cow::Owned(normalized)
}

/// Adds a path in its signed form. Every reserved byte is encoded, including the `%` of `%XX`.
pub(super) fn path(path: &str, add: &mut impl FnMut(&[u8])) {
    percent_encode(path.as_bytes(), PATH).for_each(|part| add(part.as_bytes()));
}

/// Returns the names and values of a query string, each encoded, sorted, and without the signature.
pub(super) fn query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(name), encoded(value))
        })
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort_unstable();
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    let decoded: Cow<'_, [u8]> = percent_decode_str(&spaced).into();
    percent_encode(&decoded, QUERY).to_string()
}

/// Adds a value without spaces around it. Several spaces inside the value become one.
fn trimmed(text: &mut String, value: &[u8]) {
    let value = String::from_utf8_lossy(value);
    let words = value.split(' ').filter(|word| !word.is_empty());
    for (i, word) in words.enumerate() {
        if i > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
}
