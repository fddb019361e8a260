//! The error of a token that is not valid.

use crate::error::BoxError;

/// The error of a JSON Web Token that is not valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// It is not a valid JSON Web Token, or requires an extension (`crit`).
    #[error("the token is not a valid JSON Web Token")]
    Malformed,
    /// Its algorithm differs from that of its key.
    #[error("the token's algorithm differs from that of its key")]
    Algorithm,
    /// The issuer does not have the key that the token names.
    #[error("the token's key does not belong to the issuer")]
    UnknownKey,
    /// The issuer did not sign it, or it was changed.
    #[error("the token's signature is wrong")]
    Signature,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// It becomes valid later.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It has another issuer.
    #[error("the token has the wrong issuer")]
    Issuer,
    /// It is for another audience.
    #[error("the token has the wrong audience")]
    Audience,
    /// A required claim is missing, or the claims are not valid for the requested type.
    #[error("the token's claims are missing or not valid")]
    Claims(#[source] serde_json::Error),
    /// The issuer's keys could not be fetched. The client is not the cause.
    #[error("the issuer's keys are not available")]
    Keys(#[source] BoxError),
}
