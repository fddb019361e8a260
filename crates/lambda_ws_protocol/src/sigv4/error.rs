//! The error of a signature that is not valid.

/// The error of a signature that is not valid. The answer is a 403 with the service's error type
/// ([`kind`](Self::kind)) and text ([`message`](Self::message)).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The request does not contain a signature.
    #[error("the request is not signed: sign it, or start the gateway with --no-auth")]
    Missing,
    /// The signature is incomplete or malformed. Contains the service's text.
    #[error("the signature is malformed: {0}")]
    Incomplete(String),
    /// The signature has the wrong scope, such as another service or Region. Contains the service's text.
    #[error("the signature has the wrong scope: {0}")]
    Scope(String),
    /// The signature has expired or is not yet valid. Contains the service's text.
    #[error("the time of the signature is not valid, check the clock: {0}")]
    Time(String),
    /// The access key or the session token is unknown.
    #[error("the access key or session token is unknown: use the credentials of the gateway")]
    UnknownKey,
    /// The signature is for another request or was created with another secret.
    #[error(
        "the signature does not match: check the secret access key and the parts of the request that are signed"
    )]
    Mismatch {
        /// The expected canonical request.
        canonical_request: String,
        /// The expected string to sign.
        string_to_sign: String,
    },
}

impl SignatureError {
    /// Returns the `x-amzn-ErrorType` of the answer.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Scope(_) | Self::Time(_) | Self::Mismatch { .. } => "InvalidSignatureException",
        }
    }

    /// Returns the service's text for the error.
    pub fn message(&self) -> String {
        match self {
            Self::Missing => "Missing Authentication Token".to_owned(),
            Self::Incomplete(text) | Self::Scope(text) | Self::Time(text) => text.clone(),
            Self::UnknownKey => "The security token included in the request is invalid.".to_owned(),
            Self::Mismatch {
                canonical_request,
                string_to_sign,
            } => format!(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. Consult the service documentation for details.\n\n\
                 The Canonical String for this request should have been\n'{canonical_request}'\n\n\
                 The String-to-Sign should have been\n'{string_to_sign}'\n"
            ),
        }
    }
}
