//! Cookies from allowed origins.

use super::Token;
use crate::error::Error;
use crate::event::{Authorize, Connect, Event};
use crate::extract::{FromEvent, FromRef};
use http::HeaderMap;
use http::header::{COOKIE, ORIGIN};
use std::fmt;
use std::sync::Arc;

/// The origins of the pages that may open connections. [`Cookies`] require them as a part of the router's state.
/// Clones are cheap.
///
/// ```
/// use lambda_ws::auth::Origins;
///
/// let origins = Origins::new(["https://app.example.com", "http://localhost:5173"]);
/// ```
#[derive(Debug, Clone)]
pub struct Origins(Arc<[String]>);

impl Origins {
    /// Creates a list of origins. Each has a scheme, a host and, unless it is the scheme's default, a port.
    ///
    /// # Panics
    ///
    /// If an origin is not valid: it has a path, a wildcard or no scheme.
    #[track_caller]
    pub fn new<'o>(origins: impl IntoIterator<Item = &'o str>) -> Self {
        let origins = origins.into_iter().map(|origin| {
            let host = origin.split_once("://").map(|(_, host)| host);
            let good = |host: &str| !host.is_empty() && !host.contains(['/', '*', '@', ' ', '?']);
            assert!(
                host.is_some_and(good),
                "`{origin}` is not a valid origin: expected one such as https://app.example.com"
            );
            origin.to_ascii_lowercase()
        });
        Self(origins.collect())
    }

    /// Returns whether a handshake comes from a page of one of these origins. It needs exactly one `Origin` header.
    fn allow(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (Some(origin), None) => self.0.iter().any(|allowed| allowed.as_bytes() == origin),
            _ => false,
        }
    }
}

/// The cookies of a handshake from an allowed origin.
///
/// A browser adds cookies to every handshake with their host, from any page. Without a check of the origin, any page
/// could open a connection as its visitor (cross-site websocket hijacking). So this extractor needs [`Origins`] in
/// the router's state, and rejects other or missing origins with 403.
///
/// The browser must send the cookie to the API's host: use a custom domain for the API, and `Secure`, `HttpOnly` and
/// `SameSite` cookies.
///
/// ```
/// use lambda_ws::auth::{Cookies, Origins};
/// use lambda_ws::testing::Gateway;
/// use lambda_ws::{Error, Router};
///
/// async fn connect(cookies: Cookies) -> Result<(), Error> {
///     match cookies.token("session")?.matches("s3cret") {
///         true => Ok(()),
///         false => Err(Error::unauthorized("the session has expired")),
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let origins = Origins::new(["https://app.example.com"]);
/// let gateway = Gateway::new(Router::new().connect(connect).with_state(origins));
///
/// let from = |origin| gateway.request("/").header("Cookie", "session=s3cret").header("Origin", origin);
/// assert!(from("https://app.example.com").connect().await.is_ok());
/// assert_eq!(from("https://evil.example").connect().await.unwrap_err().status, 403);
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// Returns the value of a cookie as it was sent; the first, if the name repeats.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the token in a cookie.
    ///
    /// # Errors
    ///
    /// Status 401 if the cookie is missing or empty.
    pub fn token(&self, name: &str) -> Result<Token, Error> {
        let value = self.value(name).filter(|value| !value.is_empty());
        let token = value.map(Token::from);
        token.ok_or_else(|| Error::unauthorized(format!("the cookie `{name}` is missing")))
    }

    fn of(headers: &HeaderMap, origins: &Origins) -> Result<Self, Error> {
        if !origins.allow(headers) {
            return Err(Error::forbidden(
                "the origin of the handshake is missing or not allowed",
            ));
        }
        let lists = headers.get_all(COOKIE).iter();
        let lists = lists.filter_map(|list| list.to_str().ok());
        let pairs = lists
            .flat_map(|list| list.split(';'))
            .filter_map(|pair| pair.split_once('='));
        let pairs = pairs.map(|(name, value)| {
            let value = value.trim();
            let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            (name.trim().to_owned(), quoted.unwrap_or(value).to_owned())
        });
        Ok(Self(pairs.collect()))
    }
}

/// Prints only the names: values are secrets.
impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| name);
        f.debug_set().entries(names).finish()
    }
}

/// The extractor for the two kinds of handshake events.
macro_rules! handshakes {
    ($($kind:ty)*) => { $(
        impl<S: Sync> FromEvent<$kind, S> for Cookies
        where
            Origins: FromRef<S>,
        {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, state: &S) -> Result<Self, Error> {
                Self::of(&event.data.headers, &Origins::from_ref(state))
            }
        }
    )* };
}

handshakes! { Authorize Connect }
