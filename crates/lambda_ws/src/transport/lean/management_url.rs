//! The URL of the management API.

use crate::ConnectionId;
use http::Uri;
use http::uri::Scheme;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters of a path that SigV4 requires to be encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Debug)]
pub(super) struct ManagementUrl {
    uri: Uri,
    host: String,
    /// The path before a connection's id: `/dev/@connections/`.
    prefix: String,
}

impl ManagementUrl {
    /// Parses `https://{host}[:port]/{stage}`. Returns `None` if it is not valid.
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

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn path(&self, id: &ConnectionId) -> String {
        let mut path = String::with_capacity(self.prefix.len() + id.as_str().len() + 8);
        path.push_str(&self.prefix);
        path.extend(utf8_percent_encode(id.as_str(), RESERVED));
        path
    }
}
