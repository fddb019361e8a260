//! The secret that identifies a client.

use crate::error::Error;
use crate::event::{Authorize, Connect, Event};
use crate::extract::{FromEvent, OptionalFromEvent};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use lambda_ws_protocol::event::OfferedProtocols;
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use std::fmt;

/// The bearer token of a handshake.
///
/// The extractor uses the first of these:
///
/// 1. the header `Authorization: Bearer TOKEN`,
/// 2. the query parameter `token`,
/// 3. the sub-protocol after `bearer`: `new WebSocket(url, ["bearer", TOKEN])`.
///
/// A client without a token is rejected with 401; `Option<Token>` is then `None`.
///
/// For other names and places use a field of type `Token` in a [`Query`](crate::Query), [`Token::in_header`] and
/// [`Token::in_protocols`] on a [`HeaderMap`], or [`Cookies::token`](super::Cookies::token).
///
/// ```
/// use lambda_ws::auth::Token;
/// use lambda_ws::{Error, Query, Router};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Login {
///     access_token: Token,
/// }
///
/// async fn connect(Query(login): Query<Login>) -> Result<(), Error> {
///     match login.access_token.matches("s3cret") {
///         true => Ok(()),
///         false => Err(Error::unauthorized("the token is unknown")),
///     }
/// }
///
/// let router: Router = Router::new().connect(connect);
/// ```
///
/// # As a sub-protocol
///
/// Browsers close a connection unless the response selects exactly one of the offered protocols (conformance B8). For
/// `["bearer", TOKEN]` the library selects `bearer`, never the token, unless the handler selects another offered
/// protocol, as in `["chat.v1", "bearer", TOKEN]`. The token must consist of characters that are valid in a protocol,
/// as in JWTs, hex and URL-safe base64 without `=`.
///
/// # Secrecy
///
/// Only [`Token::as_str`] reveals it: `Debug` hides it.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Returns the token of `Authorization: Bearer TOKEN`.
    pub fn in_header(headers: &HeaderMap) -> Option<Self> {
        let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = header.split_once(' ')?;
        let bearer = scheme.eq_ignore_ascii_case("bearer");
        bearer.then(|| Self(token.trim().to_owned())).presence()
    }

    /// Returns the sub-protocol after `bearer`.
    pub fn in_protocols(headers: &HeaderMap) -> Option<Self> {
        OfferedProtocols::of(headers).token.map(Self)
    }

    /// Returns the query parameter `token`; the last one, if it repeats.
    fn in_query(query: &str) -> Option<Self> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).ok()?;
        let found = pairs.into_iter().rfind(|(name, _)| name == "token");
        found.map(|(_, token)| Self(token)).presence()
    }

    fn found(headers: &HeaderMap, query: &str) -> Option<Self> {
        Self::in_header(headers)
            .or_else(|| Self::in_query(query))
            .or_else(|| Self::in_protocols(headers))
    }

    /// Returns the secret.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it equals `secret`, in constant time.
    pub fn matches(&self, secret: &str) -> bool {
        Sha256::digest(&self.0) == Sha256::digest(secret)
    }
}

/// Treats an empty token as missing.
trait Present {
    fn presence(self) -> Self;
}

impl Present for Option<Token> {
    fn presence(self) -> Self {
        self.filter(|token| !token.0.is_empty())
    }
}

impl From<String> for Token {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl From<&str> for Token {
    fn from(secret: &str) -> Self {
        Self(secret.to_owned())
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Token").finish_non_exhaustive()
    }
}

/// The extractors for the two kinds of handshake events.
macro_rules! handshakes {
    ($($kind:ty)*) => { $(
        impl<S: Sync> FromEvent<$kind, S> for Token {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Error> {
                let found = Self::found(&event.data.headers, &event.data.query);
                found.ok_or_else(|| Error::unauthorized(
                    "the token is missing: expected `Authorization: Bearer TOKEN`, `?token=TOKEN`, or a sub-protocol \
                     after `bearer`",
                ))
            }
        }

        impl<S: Sync> OptionalFromEvent<$kind, S> for Token {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Option<Self>, Error> {
                Ok(Self::found(&event.data.headers, &event.data.query))
            }
        }
    )* };
}

handshakes! { Authorize Connect }
