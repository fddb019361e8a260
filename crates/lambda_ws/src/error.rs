//! The error of a handler.

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

/// The error of a failed handler: any error through `?`, or one for the client.
///
/// The client of a failed message gets `{"error": {"code", "message", "requestId"}}` with the code and the message of
/// [`Error::client`]. Any other error becomes `internal` and `internal error`; its text is only logged. Two errors of
/// this library also go to the client: `too_large`, for a message over 128 KB, and `bad_name`, for a name that is not
/// valid for a connection, room or user. The client of a failed `$connect` gets only the status (conformance B5).
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
    /// Creates an error for the client, with status 400.
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

    /// Creates an error for a missing or wrong identity, with the code `unauthorized` and status 401.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::client("unauthorized", message).with_status(StatusCode::UNAUTHORIZED)
    }

    /// Creates an error for a client without permission, with the code `forbidden` and status 403.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::client("forbidden", message).with_status(StatusCode::FORBIDDEN)
    }

    /// Sets the status that the client of a rejected `$connect` gets.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Sets the cause, which is logged and not sent.
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        match self.mistake() {
            Some(("bad_name", _)) if self.status.is_server_error() => StatusCode::BAD_REQUEST,
            _ => self.status,
        }
    }

    /// Returns the code for the client.
    pub fn code(&self) -> &str {
        match &self.client {
            Some((code, _)) => code,
            None => self.mistake().map_or("internal", |(code, _)| code),
        }
    }

    /// Returns the message for the client.
    pub fn message(&self) -> Cow<'_, str> {
        match &self.client {
            Some((_, message)) => Cow::Borrowed(message),
            None => match self.mistake() {
                Some((_, message)) => Cow::Owned(message),
                None => Cow::Borrowed("internal error"),
            },
        }
    }

    /// Returns the cause.
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

    /// Returns whether the client caused the error. Only then it receives the text.
    pub fn is_client(&self) -> bool {
        self.client.is_some() || self.mistake().is_some()
    }

    pub(crate) fn is_gone(&self) -> bool {
        let mut causes = causes(self.source());
        causes.any(|error| matches!(error.downcast_ref(), Some(SendError::Gone)))
    }

    /// Returns the code and the message of a library error that client input causes: a message that is too large, or
    /// a name that is not valid.
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

/// Prints the whole chain of causes on one line, for a `main` that returns the error.
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

fn causes<'e>(
    error: Option<&'e (dyn StdError + 'static)>,
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(error, |error| (*error).source())
}

/// Returns an error and its causes on one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let causes = causes(error.source()).map(|cause| format!(": {cause}"));
    std::iter::once(error.to_string()).chain(causes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_client_errors_reveal_their_text() {
        let error = Error::client("full", "the room is full").with_source("secret");
        assert_eq!(error.code(), "full");
        assert_eq!(&*error.message(), "the room is full");
        assert_eq!(format!("{error:?}"), "the room is full: secret");

        let error = Error::from(std::io::Error::other("secret"));
        assert_eq!(error.code(), "internal");
        assert_eq!(&*error.message(), "internal error");
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
