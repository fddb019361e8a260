//! What a gateway serves: one stage of one WebSocket API.

use super::Integration;
use lambda_ws::{limits, selection};
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
}

impl Route {
    /// A one-way route with the longest timeout API Gateway allows, 29 s.
    pub fn new(integration: Arc<dyn Integration>) -> Self {
        Self {
            integration,
            two_way: false,
            timeout: limits::INTEGRATION_TIMEOUT,
        }
    }
}
