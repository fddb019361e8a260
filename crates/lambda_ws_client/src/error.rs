//! The errors of the client.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Any error, as an application's callback returns it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// The error of a request, a room or a connection. [`code`](Self::code) says which.
///
/// | code | meaning |
/// |---|---|
/// | `rejected` | the server rejected the handshake with [`status`](Self::status) |
/// | `unreachable` | the server cannot be reached |
/// | `timeout` | the connection did not open, or a request had no reply, before its deadline |
/// | `url`, `token` | the application's callback failed |
/// | `lost` | the connection closed |
/// | `no_answer` | the server did not answer a frame within 10 s |
/// | `closed` | the client is closed |
/// | `queue_full` | too many messages wait for a connection, or the network is slow |
/// | `too_long` | a message is longer than 32 KB |
/// | `overflow` | an application reads the events of a room too slowly |
/// | `encode`, `decode` | a value cannot be written as JSON, or JSON is not of the expected type |
///
/// Codes of the server are in PROTOCOL.md. Applications define others.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    code: String,
    message: String,
    request_id: Option<String>,
    status: Option<u16>,
    retrying: bool,
    source: Option<BoxError>,
}

impl Error {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            code: code.to_owned(),
            message: message.into(),
            request_id: None,
            status: None,
            retrying: false,
            source: None,
        }))
    }

    pub(crate) fn closed() -> Self {
        Self::new("closed", "the client is closed: create another one")
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        self.change(|inner| inner.status = Some(status))
    }

    pub(crate) fn with_request_id(self, id: Option<&str>) -> Self {
        self.change(|inner| inner.request_id = id.map(str::to_owned))
    }

    pub(crate) fn with_source(self, source: impl Into<BoxError>) -> Self {
        self.change(|inner| inner.source = Some(source.into()))
    }

    pub(crate) fn retrying(self, retrying: bool) -> Self {
        self.change(|inner| inner.retrying = retrying)
    }

    /// Changes an error that is not shared yet.
    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }

    /// Returns whether both are clones of one error.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the code of the error.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Returns the message of the error.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the request id of the function, for its logs.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Returns the status of a rejected handshake, or the code of the server's close frame.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns whether the client tries again by itself.
    pub fn is_retrying(&self) -> bool {
        self.0.retrying
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.0.code)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}
