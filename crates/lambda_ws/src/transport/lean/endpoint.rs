//! Where the management API is.

use crate::ConnectionId;
use http::Uri;
use http::uri::Scheme;

/// The management API of one stage.
#[derive(Debug)]
pub(super) struct Endpoint {
    uri: Uri,
    host: String,
    /// What stands before a connection's id: `/dev/@connections/`.
    prefix: String,
}

impl Endpoint {
    /// Reads `https://{host}[:port]/{stage}`; `None` for what is no such URL.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.trim_end_matches('/').parse().ok()?;
        let known = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
        let authority = uri.authority()?;
        if !known || uri.query().is_some() || authority.as_str().contains('@') {
            return None;
        }
        let host = authority.to_string();
        let path = uri.path().trim_end_matches('/');
        let prefix = format!("{path}/@connections/");
        Some(Self { uri, host, prefix })
    }

    /// What to connect to.
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The value of the `Host` header.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The path of a connection.
    pub(super) fn path(&self, id: &ConnectionId) -> String {
        let mut path = String::with_capacity(self.prefix.len() + id.as_str().len() + 8);
        path.push_str(&self.prefix);
        for byte in id.as_str().bytes() {
            push_encoded(&mut path, byte);
        }
        path
    }
}

/// Whether a byte stands for itself in a path that SigV4 signs.
pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn push_encoded(path: &mut String, byte: u8) {
    if is_unreserved(byte) {
        path.push(byte.into());
    } else {
        let [_, high, low] = encoded(byte);
        path.push('%');
        path.push(high.into());
        path.push(low.into());
    }
}

/// A byte as `%XX`.
pub(super) const fn encoded(byte: u8) -> [u8; 3] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [
        b'%',
        DIGITS[(byte >> 4) as usize],
        DIGITS[(byte & 15) as usize],
    ]
}
