//! Why a token is not believed.

use crate::error::BoxError;

/// Why a JSON Web Token is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// It is no JSON Web Token, or one that demands extensions (`crit`).
    #[error("the token is no JSON Web Token")]
    Malformed,
    /// Its algorithm is not that of its key.
    #[error("the token's algorithm is not the one of its key")]
    Algorithm,
    /// The issuer has no key of the name that the token has.
    #[error("the token's key is none of the issuer's")]
    UnknownKey,
    /// It was not signed by the issuer, or changed since.
    #[error("the token's signature is wrong")]
    Signature,
    /// It is over.
    #[error("the token is expired")]
    Expired,
    /// It will be valid later.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It is from somebody else.
    #[error("the token is of another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// A claim that must be there is missing, or the claims are not of the type they are asked for as.
    #[error("the token's claims are not the expected ones")]
    Claims(#[source] serde_json::Error),
    /// The issuer's keys could not be fetched: this is not the client's fault.
    #[error("the issuer's keys are not available")]
    Keys(#[source] BoxError),
}
