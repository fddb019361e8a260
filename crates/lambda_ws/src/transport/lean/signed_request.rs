//! The bytes of a signed request.

use crate::trace;
use bytes::Bytes;
use lambda_ws_protocol::sigv4::{Signable, SigningKey};

/// The maximum size of a body that is copied after its head, in bytes, so that both are one write and one TLS record.
const SHORT: usize = 8 * 1024;

/// The usual length of a trace header in bytes.
const TRACE: usize = 128;

const AGENT: &str = concat!("lambda_ws/", env!("CARGO_PKG_VERSION"));

#[derive(Debug)]
pub(super) struct SignedRequest {
    /// The head and a short body.
    pub(super) start: Vec<u8>,
    pub(super) rest: Bytes,
}

impl SignedRequest {
    pub(super) fn new(key: &SigningKey, subject: &Signable<'_>, body: &Bytes) -> Self {
        let signature = key.sign(subject);
        let copied = match body.len() {
            0..=SHORT => &body[..],
            _ => &[],
        };
        let token = key.session_token();
        let credentials = key.authorization_len() + token.map_or(0, |token| token.len() + 24);
        let place = subject.path.len() + subject.host.len();
        let mut start = Vec::with_capacity(place + credentials + 160 + TRACE + copied.len());
        let mut add = |parts: &[&[u8]]| parts.iter().for_each(|part| start.extend_from_slice(part));
        add(&[subject.method.as_bytes(), b" ", subject.path.as_bytes()]);
        add(&[b" HTTP/1.1\r\nhost: ", subject.host.as_bytes()]);
        add(&[b"\r\nx-amz-date: ", &signature.date]);
        if let Some(token) = token {
            add(&[b"\r\nx-amz-security-token: ", token.as_bytes()]);
        }
        add(&[b"\r\nauthorization: "]);
        key.authorize(&signature, |part| add(&[part]));
        add(&[b"\r\nuser-agent: ", AGENT.as_bytes()]);
        // It is not a signed header.
        trace::with_header(|header| add(&[b"\r\nx-amzn-trace-id: ", header.as_bytes()]));
        // Requests without a body have no length.
        if subject.method == "POST" {
            add(&[b"\r\ncontent-length: "]);
            decimal(body.len(), |digits| add(&[digits]));
        }
        add(&[b"\r\n\r\n", copied]);
        let rest = match copied.len() == body.len() {
            true => Bytes::new(),
            false => body.clone(),
        };
        Self { start, rest }
    }
}

fn decimal(mut number: usize, mut add: impl FnMut(&[u8])) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return add(&digits[start..]);
        }
    }
}
