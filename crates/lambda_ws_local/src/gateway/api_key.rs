//! API keys.

use lambda_ws_protocol::event::Pairs;
use std::fmt;
use std::str::FromStr;

/// A key that a client of an API needs.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, which is no secret.
    pub id: String,
    /// What clients send.
    pub value: String,
}

/// The keys of an API, for routes that need one (conformance B11).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKeys {
    /// Where a client's key is looked for.
    pub source: ApiKeySource,
    /// The keys that are taken.
    pub accepted: Vec<ApiKey>,
}

/// Where a client's key is looked for: `ApiKeySelectionExpression` (conformance B11).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ApiKeySource {
    /// `$request.header.x-api-key`: in the header `x-api-key`.
    #[default]
    Header,
    /// `$context.authorizer.usageIdentifierKey`: in what the Lambda authorizer returned.
    Authorizer,
}

/// A text that is no API key selection expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no API key selection expression: expected $request.header.x-api-key or \
     $context.authorizer.usageIdentifierKey"
)]
pub struct InvalidApiKeySource(String);

/// Why a client has no key: it sees 403 (conformance B11).
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiKeyError {
    #[error("the handshake has no header x-api-key")]
    NoHeader,
    #[error("the authorizer returned no usageIdentifierKey")]
    NoUsageIdentifierKey,
    #[error("the API has no such key")]
    Unknown,
}

impl ApiKeys {
    /// The key of a client.
    pub(super) fn find(
        &self,
        headers: &Pairs,
        usage_key: Option<&str>,
    ) -> Result<&ApiKey, ApiKeyError> {
        let value = match self.source {
            ApiKeySource::Header => headers.value("x-api-key").ok_or(ApiKeyError::NoHeader)?,
            ApiKeySource::Authorizer => usage_key.ok_or(ApiKeyError::NoUsageIdentifierKey)?,
        };
        let mut keys = self.accepted.iter();
        keys.find(|key| key.value == value)
            .ok_or(ApiKeyError::Unknown)
    }
}

/// Without the value, which is a secret.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ApiKey");
        debug.field("id", &self.id).finish_non_exhaustive()
    }
}

impl FromStr for ApiKeySource {
    type Err = InvalidApiKeySource;

    fn from_str(text: &str) -> Result<Self, InvalidApiKeySource> {
        match text {
            "$request.header.x-api-key" => Ok(Self::Header),
            "$context.authorizer.usageIdentifierKey" => Ok(Self::Authorizer),
            _ => Err(InvalidApiKeySource(text.to_owned())),
        }
    }
}
