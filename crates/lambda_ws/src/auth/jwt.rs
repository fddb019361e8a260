//! JSON Web Tokens of an identity provider.

mod error;
mod fetch;
mod key;
mod keys;
#[cfg(test)]
mod tests;

pub use error::JwtError;
pub use fetch::Fetch;
pub use keys::Keys;

use super::Token;
use crate::Timestamp;
use crate::error::Error;
use crate::event::{Authorize, Connect, Event};
use crate::extract::{FromEvent, FromRef};
use http::StatusCode;
use key::{Header, decode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// The verified claims of a client's JSON Web Token. The router's state must contain an [`Issuer`].
///
/// The token is the handshake's [`Token`]. A client is rejected with 401 if its token is missing or not valid, or if
/// its claims are not a valid `C`; and with 503 if the issuer's keys cannot be fetched.
#[derive(Debug, Clone, Copy, Default)]
pub struct Jwt<C>(pub C);

/// The issuer and the audience of accepted tokens. Clones are cheap.
///
/// ```
/// use lambda_ws::auth::{Issuer, Jwt, Keys};
/// use lambda_ws::{Error, Opening, Router};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Claims {
///     sub: String,
/// }
///
/// async fn connect(me: Opening, Jwt(claims): Jwt<Claims>) -> Result<(), Error> {
///     me.user(&claims.sub)?;
///     Ok(())
/// }
///
/// # fn router() -> Result<Router, Error> {
/// let issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf";
/// let keys = Keys::url(&format!("{issuer}/.well-known/jwks.json"))?;
/// let issuer = Issuer::new(issuer, "the app client's id", keys);
/// let router = Router::new().connect(connect).with_state(issuer);
/// # Ok(router)
/// # }
/// ```
///
/// # Checks
///
/// - The signature must match the issuer's key in `kid`. A token without `kid` is valid if only one key has its
///   algorithm. The algorithm comes from the key: RS256, ES256 or EdDSA with Ed25519. A token with another algorithm
///   is rejected, also `none` and HS256.
/// - `iss` must be the issuer, and `aud` must contain the audience.
/// - `exp` is required; `exp` and `nbf` are checked with a leeway of 60 s.
/// - A token with `crit` is rejected, because no extension is supported.
///
/// Amazon Cognito: use the ID token; its access tokens have no `aud`.
#[derive(Debug, Clone)]
pub struct Issuer(Arc<Rules>);

#[derive(Debug, Clone)]
struct Rules {
    issuer: String,
    audiences: Vec<String>,
    leeway: Duration,
    keys: Keys,
}

/// The longest accepted token, in bytes. A handshake cannot contain a longer one.
const TOKEN_BYTES: usize = 16 * 1024;

const LEEWAY: Duration = Duration::from_secs(60);

impl Issuer {
    /// Accepts tokens of `issuer` (`iss`) for `audience` (`aud`) that one of `keys` has signed.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, keys: Keys) -> Self {
        Self(Arc::new(Rules {
            issuer: issuer.into(),
            audiences: vec![audience.into()],
            leeway: LEEWAY,
            keys,
        }))
    }

    /// Also accepts tokens for this audience.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).audiences.push(audience.into());
        self
    }

    /// Sets the allowed difference between the clocks of the issuer and of this function. The default is 60 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        Arc::make_mut(&mut self.0).leeway = leeway;
        self
    }

    /// Returns the claims of a token that is valid at `now`, as [`Jwt`] does for a handshake. Use it for tokens from
    /// other sources, such as [`Cookies::token`](super::Cookies::token).
    ///
    /// # Errors
    ///
    /// [`JwtError`], which contains no part of the token.
    pub async fn verify<C: DeserializeOwned>(
        &self,
        token: &Token,
        now: Timestamp,
    ) -> Result<C, JwtError> {
        let token = token.as_str();
        if token.len() > TOKEN_BYTES {
            return Err(JwtError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(JwtError::Malformed)?;
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| JwtError::Malformed)?;
        let signature = decode(signature)?;
        let key = self.0.keys.find(&header, now).await?;
        key.verify(signed.as_bytes(), &signature)?;
        // The payload is trusted only after the signature is verified.
        let payload = decode(payload)?;
        self.check(&payload, now)?;
        serde_json::from_slice(&payload).map_err(JwtError::Claims)
    }

    fn check(&self, payload: &[u8], now: Timestamp) -> Result<(), JwtError> {
        let rules = &self.0;
        let claims: Registered = serde_json::from_slice(payload).map_err(JwtError::Claims)?;
        if claims.iss != rules.issuer {
            return Err(JwtError::Issuer);
        }
        let audiences = match claims.aud {
            Audience::One(one) => vec![one],
            Audience::Many(many) => many,
        };
        if !audiences.iter().any(|a| rules.audiences.contains(a)) {
            return Err(JwtError::Audience);
        }
        let (now, leeway) = (now.millis() as f64 / 1000.0, rules.leeway.as_secs_f64());
        if now >= claims.exp + leeway {
            return Err(JwtError::Expired);
        }
        if claims.nbf.is_some_and(|nbf| now + leeway < nbf) {
            return Err(JwtError::NotYetValid);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Registered {
    iss: String,
    aud: Audience,
    /// Seconds, possibly with a fraction.
    exp: f64,
    nbf: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

fn rejection(error: JwtError) -> Error {
    match error {
        JwtError::Keys(_) => Error::from(error).with_status(StatusCode::SERVICE_UNAVAILABLE),
        error => Error::unauthorized("the token is not valid").with_source(error),
    }
}

/// The extractor for the two kinds of handshake events.
macro_rules! handshakes {
    ($($kind:ty)*) => { $(
        impl<S: Sync, C: DeserializeOwned> FromEvent<$kind, S> for Jwt<C>
        where
            Issuer: FromRef<S>,
        {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, state: &S) -> Result<Self, Error> {
                let token = <Token as FromEvent<$kind, S>>::from_event(event, state).await?;
                let issuer = Issuer::from_ref(state);
                let claims = issuer.verify(&token, event.sender.now()).await;
                claims.map(Self).map_err(rejection)
            }
        }
    )* };
}

handshakes! { Authorize Connect }
