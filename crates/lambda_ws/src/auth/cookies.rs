//! Cookies, which count only from pages that may send them.

use super::Token;
use crate::error::Error;
use crate::event::{Authorize, Connect, Event};
use crate::extract::{FromEvent, FromRef};
use http::HeaderMap;
use http::header::{COOKIE, ORIGIN};
use std::fmt;
use std::sync::Arc;

/// The origins of the pages that may open connections: a part of the router's state, which [`Cookies`]
/// insist on. Cheap to clone.
///
/// ```
/// use lambda_ws::auth::Origins;
///
/// let origins = Origins::new(["https://app.example.com", "http://localhost:5173"]);
/// ```
#[derive(Debug, Clone)]
pub struct Origins(Arc<[String]>);

impl Origins {
    /// These origins: scheme, host and, if it is not the scheme's own, port.
    ///
    /// # Panics
    ///
    /// If one is no origin: it has a path, a wildcard or no scheme.
    #[track_caller]
    pub fn new<'o>(origins: impl IntoIterator<Item = &'o str>) -> Self {
        let origins = origins.into_iter().map(|origin| {
            let host = origin.split_once("://").map(|(_, host)| host);
            let good = |host: &str| !host.is_empty() && !host.contains(['/', '*', '@', ' ', '?']);
            assert!(
                host.is_some_and(good),
                "`{origin}` is no origin: expected one such as https://app.example.com"
            );
            origin.to_ascii_lowercase()
        });
        Self(origins.collect())
    }

    /// Whether a handshake comes from a page of one of these origins. One without an `Origin` comes
    /// from no page, one with several from nobody knows where.
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
/// A browser adds cookies to every handshake with their host, whichever page asks for it: without a
/// check of its origin, any page could open a connection as the user who visits it (cross-site
/// websocket hijacking). So this extractor needs [`Origins`] in the router's state, and refuses every
/// other origin, and none, with 403.
///
/// The cookie must be one that the browser sends to the API's host: use a custom domain for the API,
/// and `Secure`, `HttpOnly` and `SameSite` cookies.
///
/// ```
/// use lambda_ws::auth::{Cookies, Origins};
/// use lambda_ws::testing::Gateway;
/// use lambda_ws::{Error, Router};
///
/// async fn connect(cookies: Cookies) -> Result<(), Error> {
///     match cookies.token("session")?.matches("s3cret") {
///         true => Ok(()),
///         false => Err(Error::unauthorized("the session is over")),
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
    /// The value of a cookie, as it was sent; the first, if there are several of the name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The token in a cookie.
    ///
    /// # Errors
    ///
    /// With status 401, if there is no such cookie or it is empty.
    pub fn token(&self, name: &str) -> Result<Token, Error> {
        let value = self.value(name).filter(|value| !value.is_empty());
        let token = value.map(Token::from);
        token.ok_or_else(|| Error::unauthorized(format!("the cookie `{name}` is missing")))
    }

    fn of(headers: &HeaderMap, origins: &Origins) -> Result<Self, Error> {
        if !origins.allow(headers) {
            return Err(Error::forbidden(
                "the handshake is not from a page of an allowed origin",
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

/// The names only: values are secrets.
impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| name);
        f.debug_set().entries(names).finish()
    }
}

/// The extractor, for both kinds of events that are about a handshake.
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
