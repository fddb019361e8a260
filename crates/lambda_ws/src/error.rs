//! What a handler fails with.

mod send;
mod store;

pub use send::SendError;
pub use store::StoreError;

use http::StatusCode;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// Any error.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What a handler fails with: any error, by `?`, or one that the client is told of.
///
/// The client of a failed message is sent `{"error": {"code", "message", "requestId"}}`: the code and
/// the message of [`Error::client`], or `internal` and `internal error` for any other, whose text is
/// only logged. Two errors of this library are the client's as well: `too_large`, for a message over 128 KB, and
/// `bad_name`, for a name that no connection, room or user can have. The client of a failed `$connect` sees the status alone (conformance B5).
///
/// ```
/// use lambda_ws::Error;
///
/// fn price(symbol: &str) -> Result<u32, Error> {
///     match symbol {
///         "TEA" => Ok("420".parse()?),
///         _ => Err(Error::client("no_such_symbol", format!("`{symbol}` is not traded"))),
///     }
/// }
/// # assert!(price("TEA").is_ok());
/// # assert_eq!(price("SALT").unwrap_err().code(), "no_such_symbol");
/// ```
pub struct Error {
    status: StatusCode,
    client: Option<(Cow<'static, str>, Cow<'static, str>)>,
    source: Option<BoxError>,
}

impl Error {
    /// An error that the client is told of; its status is 400.
    pub fn client(
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            client: Some((code.into(), message.into())),
            source: None,
        }
    }

    /// The client did not say who it is, or not believably: an error with the code `unauthorized`
    /// and status 401.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::client("unauthorized", message).with_status(StatusCode::UNAUTHORIZED)
    }

    /// The client may not do this, whoever it is: an error with the code `forbidden` and status 403.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::client("forbidden", message).with_status(StatusCode::FORBIDDEN)
    }

    /// The same error with another status: what the client of a refused `$connect` sees.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same error with its cause, which is logged and not sent.
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        match self.mistake() {
            Some(("bad_name", _)) if self.status.is_server_error() => StatusCode::BAD_REQUEST,
            _ => self.status,
        }
    }

    /// The code the client is sent.
    pub fn code(&self) -> &str {
        match &self.client {
            Some((code, _)) => code,
            None => self.mistake().map_or("internal", |(code, _)| code),
        }
    }

    /// The message the client is sent.
    pub fn message(&self) -> Cow<'_, str> {
        match &self.client {
            Some((_, message)) => Cow::Borrowed(message),
            None => match self.mistake() {
                Some((_, message)) => Cow::Owned(message),
                None => Cow::Borrowed("internal error"),
            },
        }
    }

    /// The error that caused this one.
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }

    /// The error of a failed invocation: the cause itself, or the code and the message that a client would get.
    pub(crate) fn into_cause(self) -> BoxError {
        match (self.client, self.source) {
            (None, Some(source)) => source,
            (None, None) => "internal error".into(),
            (Some((code, message)), source) => {
                let cause = source.map(|source| format!(": {}", chain(&*source)));
                format!("{code}: {message}{}", cause.unwrap_or_default()).into()
            }
        }
    }

    /// Whether the client is told what is wrong, because it did something wrong.
    pub fn is_client(&self) -> bool {
        self.client.is_some() || self.mistake().is_some()
    }

    /// Whether a client was gone that something was sent to.
    pub(crate) fn is_gone(&self) -> bool {
        let mut causes = causes(self.source());
        causes.any(|error| matches!(error.downcast_ref(), Some(SendError::Gone)))
    }

    /// The code and the message of an error of this library that a client's input causes: a message that is too
    /// large, or a name that no connection, room or user can have.
    fn mistake(&self) -> Option<(&'static str, String)> {
        let source = self.source()?;
        match (source.downcast_ref(), source.downcast_ref()) {
            (Some(error @ SendError::TooLarge), _) => Some(("too_large", error.to_string())),
            (Some(SendError::Store(error @ StoreError::BadName(_))), _)
            | (_, Some(error @ StoreError::BadName(_))) => Some(("bad_name", error.to_string())),
            _ => None,
        }
    }
}

impl<E: Into<BoxError>> From<E> for Error {
    fn from(source: E) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            client: None,
            source: Some(source.into()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.client, &self.source) {
            (Some((_, message)), _) => f.write_str(message),
            (None, Some(source)) => source.fmt(f),
            (None, None) => f.write_str("internal error"),
        }
    }
}

/// The whole chain of causes on one line: what `main` prints when it returns an error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut cause = self.source();
        if self.client.is_none() {
            cause = cause.and_then(StdError::source);
        }
        causes(cause).try_for_each(|error| write!(f, ": {error}"))
    }
}

/// An error, what caused it, and so on.
fn causes<'e>(
    error: Option<&'e (dyn StdError + 'static)>,
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(error, |error| (*error).source())
}

/// An error with all of its causes, on one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let causes = causes(error.source()).map(|cause| format!(": {cause}"));
    std::iter::once(error.to_string()).chain(causes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_error_says_what_it_is_and_any_other_does_not() {
        let error = Error::client("full", "the room is full").with_source("secret");
        assert_eq!(
            (error.code(), &*error.message()),
            ("full", "the room is full")
        );
        assert_eq!(format!("{error:?}"), "the room is full: secret");

        let error = Error::from(std::io::Error::other("secret"));
        assert_eq!(
            (error.code(), &*error.message()),
            ("internal", "internal error")
        );
        assert_eq!(error.to_string(), "secret");
        assert_eq!(error.status(), 500);
    }

    #[test]
    fn fault_l1_a_bad_name_is_the_clients_error() {
        let bad = || StoreError::BadName(0);
        for error in [Error::from(bad()), Error::from(SendError::Store(bad()))] {
            assert_eq!((error.code(), error.status().as_u16()), ("bad_name", 400));
            assert!(error.is_client() && error.message().contains("1 to 256 bytes"));
        }
        let outage = Error::from(SendError::Store(StoreError::unavailable("no answer")));
        assert_eq!((outage.code(), outage.status().as_u16()), ("internal", 500));
    }

    #[test]
    fn a_message_that_is_too_large_is_the_clients_error() {
        let error = Error::from(SendError::TooLarge);
        assert_eq!(error.code(), "too_large");
        assert!(error.is_client());
    }
}
