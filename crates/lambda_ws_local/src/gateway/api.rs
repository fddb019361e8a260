//! What a gateway serves: one stage of one WebSocket API.

use super::{ApiKeys, Authorization, Integration, Models};
use lambda_ws_protocol::{limits, selection};
use std::collections::{BTreeMap, HashMap};
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
    /// Who may connect (conformance B9); asked before `$connect`.
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
