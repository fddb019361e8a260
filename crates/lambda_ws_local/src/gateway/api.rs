//! What a gateway serves: one stage of one WebSocket API.

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
    /// The stage's variables; events have them only if there are any (conformance C1).
    pub stage_variables: BTreeMap<String, String>,
    /// How the route of a message is found (conformance D1).
    pub expression: selection::Expression,
    /// The routes by their keys; `$connect`, `$disconnect` and `$default` are optional.
    pub routes: HashMap<String, Route>,
    /// The authorization of clients (conformance B9), before `$connect`.
    pub authorization: Authorization,
    /// The keys of [`Route::api_key_required`].
    pub api_keys: ApiKeys,
}

impl Api {
    /// An API without routes that selects on `$request.body.action`.
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
    /// What runs behind the route.
    pub integration: Arc<dyn Integration>,
    /// Whether the body of the integration's response goes to the client (conformance E2).
    pub two_way: bool,
    /// How long the gateway waits for the integration (conformance E5).
    pub timeout: Duration,
    /// What its messages must look like (conformance D7); anything, if there are none. A `$connect` and a
    /// `$disconnect` have no message.
    pub models: Option<Arc<Models>>,
    /// Whether a client needs one of [`Api::api_keys`]; means something for `$connect` alone (conformance
    /// B11).
    pub api_key_required: bool,
}

impl Route {
    /// A one-way route with the longest timeout API Gateway allows, 29 s.
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
    /// Everyone: `NONE`.
    #[default]
    None,
    /// `AWS_IAM`: who has signed the handshake, in its headers or its query string, with
    /// [`Options::credentials`](super::Options::credentials). Without these, handshakes are taken unverified.
    Iam,
    /// Whom a Lambda authorizer allows: `CUSTOM`.
    Lambda(Authorizer),
}

/// A Lambda authorizer of type `REQUEST`: it is asked once for each connection, before `$connect`, and
/// its context is in every event of the connection (conformance B3, B9, C1). Nothing is cached.
#[derive(Clone)]
pub struct Authorizer {
    /// What is asked; it returns an IAM policy.
    pub integration: Arc<dyn Integration>,
    /// What a handshake must have: a client without one of them sees 401, and the authorizer is not
    /// asked (conformance B9).
    pub identity_sources: Vec<IdentitySource>,
    /// How long the gateway waits for it. Assumed to be that of integrations.
    pub timeout: Duration,
}

impl Authorizer {
    /// An authorizer without identity sources, which is always asked, and has 29 s.
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
#[non_exhaustive]
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
