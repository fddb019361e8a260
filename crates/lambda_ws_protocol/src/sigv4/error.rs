//! Why a signature is not taken.

/// Why a signature is not taken. Each is a 403, of the type [`kind`](Self::kind) and with the text
/// [`message`](Self::message) that the service has for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// There is none.
    #[error("the request is not signed: sign it, or serve with --no-auth")]
    Missing,
    /// It lacks something, or is written in another way; the service's text.
    #[error("the signature is malformed: {0}")]
    Incomplete(String),
    /// It is for something else; the service's text.
    #[error("the signature is for something else: {0}")]
    Scope(String),
    /// It is too old or too new; the service's text.
    #[error("the signature is of another time, set the clock: {0}")]
    Time(String),
    /// Its access key, or its session token, is not known.
    #[error(
        "the access key or session token is not the gateway's: use the credentials it serves with"
    )]
    UnknownKey,
    /// It is of another request, or by another secret.
    #[error("the signature does not match: check the secret access key, and what is signed")]
    Mismatch {
        /// What should have been hashed.
        canonical_request: String,
        /// What should have been signed.
        string_to_sign: String,
    },
}

impl SignatureError {
    /// The `x-amzn-ErrorType` of the answer.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Scope(_) | Self::Time(_) | Self::Mismatch { .. } => "InvalidSignatureException",
        }
    }

    /// What the service says to it.
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
