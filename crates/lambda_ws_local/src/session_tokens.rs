//! Session tokens of the emulator's functions.
//!
//! Each process of a function gets its own `AWS_SESSION_TOKEN`, as on Lambda. Every AWS SDK sends it with its calls, so
//! the emulator can identify the process of a call.

use http::{HeaderMap, HeaderName};
use std::sync::Arc;

const HEADER: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Issues and recognizes session tokens. Clones share their secret; the default one issues none.
#[derive(Clone, Default)]
pub struct SessionTokens(Option<Arc<str>>);

/// The process that a session token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session<'a> {
    /// The function's name.
    pub function: &'a str,
    /// The number of its execution environment, from 1.
    pub environment: u64,
}

impl SessionTokens {
    /// Returns an issuer with a random secret.
    pub fn new() -> Self {
        Self(Some(format!("local-{:016x}", fastrand::u64(..)).into()))
    }

    /// Returns the token of a process, or `None` if no tokens are issued.
    pub fn issue(&self, session: Session<'_>) -> Option<String> {
        let secret = self.0.as_ref()?;
        let Session {
            function,
            environment,
        } = session;
        Some(format!("{secret}/{function}/{environment}"))
    }

    /// Returns the process that a token was issued for, or `None` for any other token.
    pub fn session<'t>(&self, token: &'t str) -> Option<Session<'t>> {
        let secret = self.0.as_ref()?;
        let rest = token.strip_prefix(&**secret)?.strip_prefix('/')?;
        let (function, environment) = rest.rsplit_once('/')?;
        let environment = environment.parse().ok()?;
        Some(Session {
            function,
            environment,
        })
    }
}

/// Shows whether tokens are issued, but not the secret.
impl std::fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SessionTokens")
            .field(&self.0.is_some())
            .finish()
    }
}

pub(crate) fn of_request(headers: &HeaderMap) -> Option<&str> {
    headers.get(HEADER)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_issuer_recognizes_a_token() {
        let (ours, theirs) = (SessionTokens::new(), SessionTokens::new());
        let session = Session {
            function: "a/b",
            environment: 7,
        };
        let token = ours.issue(session).unwrap();
        assert_eq!(ours.session(&token), Some(session));
        assert_eq!(theirs.session(&token), None);
        assert_eq!(SessionTokens::default().issue(session), None);
        assert_eq!(ours.session(&token.replace("/7", "/x")), None);
    }
}
