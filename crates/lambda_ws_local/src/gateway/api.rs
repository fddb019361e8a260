//! The API that a gateway serves: one stage of one WebSocket API.

use super::integration::Integration;
use super::model::Models;
use lambda_ws_protocol::authorizer::IdentitySource;
use lambda_ws_protocol::{limits, selection};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// One stage of one WebSocket API, as its template declares it.
pub struct Api {
    /// The API's id, such as `abcd1234`.
    pub id: String,
    /// The stage's name: the first segment of every path (conformance A1).
    pub stage: String,
    /// The stage variables. Events contain them only if there are any (conformance C1).
    pub stage_variables: BTreeMap<String, String>,
    /// The route selection expression (conformance D1).
    pub expression: selection::Expression,
    /// The routes by their keys. `$connect`, `$disconnect` and `$default` are optional.
    pub routes: HashMap<String, Route>,
    /// The authorization of clients before `$connect` (conformance B9).
    pub authorization: Authorization,
    /// The keys of [`Route::api_key_required`].
    pub api_keys: ApiKeys,
}

impl Api {
    /// Returns an API without routes that selects on `$request.body.action`.
    pub fn new(id: impl Into<String>, stage: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            stage: stage.into(),
            stage_variables: BTreeMap::new(),
            expression: selection::Expression::default(),
            routes: HashMap::new(),
            authorization: Authorization::None,
            api_keys: ApiKeys::default(),
        }
    }
}

/// One route of an [`Api`].
#[derive(Clone)]
pub struct Route {
    /// The integration of the route.
    pub integration: Arc<dyn Integration>,
    /// Whether the client gets the body of the integration's response (conformance E2).
    pub two_way: bool,
    /// The timeout of the integration (conformance E5).
    pub timeout: Duration,
    /// The models of its messages (conformance D7). Without models, every message is valid. `$connect` and
    /// `$disconnect` have no messages.
    pub models: Option<Arc<Models>>,
    /// Whether a client needs one of [`Api::api_keys`]. This applies only to `$connect` (conformance B11).
    pub api_key_required: bool,
}

impl Route {
    /// Returns a one-way route with API Gateway's maximum timeout, 29 s.
    pub fn new(integration: Arc<dyn Integration>) -> Self {
        Self {
            integration,
            two_way: false,
            timeout: limits::INTEGRATION_TIMEOUT,
            models: None,
            api_key_required: false,
        }
    }
}

/// The authorization type of `$connect`, the only route that has one (conformance B9).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Authorization {
    /// `NONE`: all clients.
    #[default]
    None,
    /// `AWS_IAM`: clients that sign the handshake, in headers or the query string, with
    /// [`Options::credentials`](super::Options::credentials). Without credentials, handshakes are not verified.
    Iam,
    /// `CUSTOM`: clients that a Lambda authorizer allows.
    Lambda(Authorizer),
}

/// A Lambda authorizer of type `REQUEST`. It is invoked once per connection, before `$connect`, and its context is in
/// every event of the connection (conformance B3, B9, C1). Nothing is cached.
#[derive(Clone)]
pub struct Authorizer {
    /// Its integration, which returns an IAM policy.
    pub integration: Arc<dyn Integration>,
    /// The values that a handshake must have. Without one of them the client gets 401, and the authorizer is not
    /// invoked (conformance B9).
    pub identity_sources: Vec<IdentitySource>,
    /// The timeout of the authorizer. Assumed to be that of integrations.
    pub timeout: Duration,
}

impl Authorizer {
    /// Returns an authorizer without identity sources, which is always invoked, with a timeout of 29 s.
    pub fn new(integration: Arc<dyn Integration>) -> Self {
        Self {
            integration,
            identity_sources: Vec::new(),
            timeout: limits::INTEGRATION_TIMEOUT,
        }
    }
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer")
            .field("identity_sources", &self.identity_sources)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// An API key of a client.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The id, which is not a secret.
    pub id: String,
    /// The secret value that clients send.
    pub value: String,
}

/// The keys of an API, for routes that require one (conformance B11).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKeys {
    /// The source of a client's key.
    pub source: ApiKeySource,
    /// The valid keys.
    pub accepted: Vec<ApiKey>,
}

/// The source of a client's key: `ApiKeySelectionExpression` (conformance B11).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiKeySource {
    /// `$request.header.x-api-key`: the header `x-api-key`.
    #[default]
    Header,
    /// `$context.authorizer.usageIdentifierKey`: the response of the Lambda authorizer.
    Authorizer,
}

/// The error of a text that is not a valid API key selection expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a valid API key selection expression: expected $request.header.x-api-key or \
     $context.authorizer.usageIdentifierKey"
)]
pub struct InvalidApiKeySource(String);

/// Omits the value, which is a secret.
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
