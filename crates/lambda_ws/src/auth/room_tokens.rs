//! Tokens that allow a client to subscribe to rooms.

use crate::Timestamp;
use crate::error::Error;
use crate::sender::RoomPattern;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;
use std::time::Duration;

/// What is signed besides the claims, so that a signature by the same secret for another purpose is not a room token.
const PURPOSE: &[u8] = b"lambda_ws room token 1:";

/// The least length of a secret, in bytes.
const SECRET: usize = 32;

/// The greatest length of a token, in bytes: two names of 256 bytes fit, also with escapes.
const LONGEST: usize = 4096;

/// Issues and verifies tokens that allow a client to subscribe to rooms.
///
/// A page asks the application's HTTPS API for a token, and sends it with `$subscribe`. The verification needs no
/// request: the token contains the room, the time at which it expires and, if it is for one user, the user, and is signed
/// with HMAC-SHA256. A token is valid until it expires, so let it be short-lived. Every program that knows the secret can
/// issue tokens. Cheap to clone.
///
/// ```
/// use lambda_ws::auth::RoomTokens;
/// use lambda_ws::{Channels, Router};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), lambda_ws::Error> {
/// # let secret = "a secret of at least 32 random bytes";
/// let tokens = RoomTokens::new(secret);
/// let router: Router = Router::new().channels(Channels::new().tokens(tokens.clone()));
///
/// // In the HTTPS API of the page:
/// let token = tokens.issue("chat/7", Duration::from_secs(300))?;
/// let token = tokens.issue_to("ann", "chat/*", Duration::from_secs(300))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RoomTokens {
    keys: Vec<Hmac<Sha256>>,
}

/// The content of a token.
#[derive(Serialize, Deserialize)]
struct Claims {
    /// The room, or a pattern of rooms.
    r: String,
    /// The user, if only connections of the user may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    u: Option<String>,
    /// When it expires, in ms since 1970.
    e: Timestamp,
}

/// Why a token does not allow a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// It is not signed with one of the secrets, or it is for other rooms.
    Forbidden,
    Expired,
}

impl RoomTokens {
    /// Signs with a secret, of at least 32 bytes. They should be random.
    ///
    /// # Panics
    ///
    /// If the secret is shorter.
    #[track_caller]
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        Self {
            keys: vec![key(secret.as_ref())],
        }
    }

    /// Also accepts tokens that were signed with a former secret.
    ///
    /// # Panics
    ///
    /// As [`RoomTokens::new`].
    #[track_caller]
    pub fn accept(mut self, former: impl AsRef<[u8]>) -> Self {
        self.keys.push(key(former.as_ref()));
        self
    }

    /// Returns a token for a room, or for all rooms that begin with a prefix, such as `chat/*`. It expires after `ttl`.
    ///
    /// # Errors
    ///
    /// The room is not a valid pattern: it is empty, over 256 bytes, or has a `*` before its end.
    pub fn issue(&self, room: &str, ttl: Duration) -> Result<String, Error> {
        self.sign(room, None, ttl, Timestamp::now())
    }

    /// Returns a token that only connections of a user can use: see [`Opening::user`](crate::Opening::user). To verify it
    /// the record of the connection is read.
    ///
    /// # Errors
    ///
    /// As [`RoomTokens::issue`].
    pub fn issue_to(&self, user: &str, room: &str, ttl: Duration) -> Result<String, Error> {
        self.sign(room, Some(user), ttl, Timestamp::now())
    }

    fn sign(
        &self,
        room: &str,
        user: Option<&str>,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<String, Error> {
        RoomPattern::read(room)?;
        for name in [Some(room), user].into_iter().flatten() {
            crate::store::check_name(name)?;
        }
        let claims = Claims {
            r: room.to_owned(),
            u: user.map(str::to_owned),
            e: now + ttl,
        };
        let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims)?);
        let mac = signature(&self.keys[0], &claims).finalize().into_bytes();
        Ok(format!("{claims}.{}", URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Verifies that a token allows a room. Returns the user that it is for, if it is for one.
    pub(crate) fn verify(
        &self,
        token: &str,
        room: &str,
        now: Timestamp,
    ) -> Result<Option<String>, TokenError> {
        let claims = self.claims(token).ok_or(TokenError::Forbidden)?;
        let pattern = RoomPattern::read(&claims.r);
        if !pattern.is_ok_and(|pattern| pattern.matches(room)) {
            return Err(TokenError::Forbidden);
        }
        if claims.e <= now {
            return Err(TokenError::Expired);
        }
        Ok(claims.u)
    }

    /// The content of a token whose signature is valid.
    fn claims(&self, token: &str) -> Option<Claims> {
        let (claims, mac) = token.split_once('.').filter(|_| token.len() <= LONGEST)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        // The comparison takes the same time for every signature.
        let is_valid = |key| signature(key, claims).verify_slice(&mac).is_ok();
        if !self.keys.iter().any(is_valid) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}

#[track_caller]
fn key(secret: &[u8]) -> Hmac<Sha256> {
    assert!(
        secret.len() >= SECRET,
        "a secret of {} bytes is too short for room tokens: expected at least {SECRET} random bytes",
        secret.len()
    );
    Hmac::new_from_slice(secret).expect("HMAC accepts keys of any length")
}

fn signature(key: &Hmac<Sha256>, claims: &str) -> Hmac<Sha256> {
    let mut mac = key.clone();
    mac.update(PURPOSE);
    mac.update(claims.as_bytes());
    mac
}

/// The secrets are not shown.
impl fmt::Debug for RoomTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomTokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_767_607_440);
    const TTL: Duration = Duration::from_secs(60);

    fn secret(n: u8) -> [u8; SECRET] {
        [n; SECRET]
    }

    #[test]
    fn a_token_allows_its_rooms_until_it_expires() {
        let tokens = RoomTokens::new(secret(1));
        let token = tokens.sign("chat/*", Some("ann"), TTL, NOW).unwrap();
        let at = |room, after| tokens.verify(&token, room, NOW + Duration::from_secs(after));
        assert_eq!(at("chat/7", 59), Ok(Some("ann".to_owned())));
        assert_eq!(at("chat/7", 60), Err(TokenError::Expired));
        assert_eq!(at("news", 0), Err(TokenError::Forbidden));
        let token = tokens.sign("tea", None, TTL, NOW).unwrap();
        assert_eq!(tokens.verify(&token, "tea", NOW), Ok(None));
        assert_eq!(
            tokens.verify(&token, "teas", NOW),
            Err(TokenError::Forbidden)
        );
        assert!(tokens.sign("a*b", None, TTL, NOW).is_err());
        assert!(tokens.sign("", None, TTL, NOW).is_err());
    }

    #[test]
    fn a_forged_token_allows_nothing() {
        let tokens = RoomTokens::new(secret(1));
        let token = tokens.sign("tea", None, TTL, NOW).unwrap();
        let other = RoomTokens::new(secret(2))
            .sign("tea", None, TTL, NOW)
            .unwrap();
        let (claims, mac) = token.split_once('.').unwrap();
        let wide = URL_SAFE_NO_PAD.encode(r#"{"r":"*","e":9999999999999}"#);
        let long = format!("{}.{mac}", "A".repeat(LONGEST));
        let forged = [
            other.clone(),
            format!("{wide}.{mac}"),
            format!("{claims}."),
            format!("{claims}.{}", &mac[..mac.len() - 2]),
            claims.to_owned(),
            long,
            ".".to_owned(),
            String::new(),
        ];
        for forged in forged {
            let verified = tokens.verify(&forged, "tea", NOW);
            assert_eq!(verified, Err(TokenError::Forbidden), "{forged}");
        }
        let rotated = RoomTokens::new(secret(2)).accept(secret(1));
        for token in [token, other] {
            assert_eq!(rotated.verify(&token, "tea", NOW), Ok(None));
        }
    }

    #[test]
    fn a_token_never_changes() {
        // It may be issued by another version.
        let token = RoomTokens::new(secret(1))
            .sign("tea", Some("ann"), TTL, NOW)
            .unwrap();
        // Made with the HMAC of Python.
        let expected = "eyJyIjoidGVhIiwidSI6ImFubiIsImUiOjE3Njc2MDc1MDAwMDB9.NOfaJCX_lxnOTdsU0r-erUZRXYd25qKLVaYqNCyYCeA";
        assert_eq!(token, expected);
    }

    #[test]
    #[should_panic(expected = "a secret of 6 bytes is too short")]
    fn a_short_secret_is_refused() {
        let _ = RoomTokens::new("s3cret");
    }
}
