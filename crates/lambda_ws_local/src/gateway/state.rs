//! The state that all connections of a gateway share.

use super::api::{Api, ApiKeys, Authorization, Route};
use super::connection::{Bounds, ConnectingSet, Registry};
use super::options::Options;
use crate::activity::{Observer as _, Operation};
use crate::lock::lock;
use lambda_ws_protocol::event::{self, Pairs};
use lambda_ws_protocol::sigv4::Verifier;
use lambda_ws_protocol::{Timestamp, selection};
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// The service name of signatures.
const SERVICE: &str = "execute-api";

/// The API, the options, and the open connections.
pub(super) struct GatewayState {
    pub(super) api_id: String,
    pub(super) stage: String,
    pub(super) stage_variables: Option<Pairs>,
    pub(super) expression: selection::Expression,
    pub(super) authorization: Authorization,
    api_keys: ApiKeys,
    routes: HashMap<Arc<str>, Route>,
    pub(super) options: Options,
    /// Verifies signatures, if the options contain credentials.
    pub(super) verifier: Option<Verifier>,
    pub(super) connections: Registry,
    pub(super) connecting: ConnectingSet,
    /// Becomes true when the gateway ends.
    pub(super) closing: watch::Sender<bool>,
    /// Whether the hint about TLS clients was given.
    pub(super) tls_noticed: AtomicBool,
    random: Mutex<fastrand::Rng>,
}

impl GatewayState {
    pub(super) fn new(api: Api, options: Options) -> Self {
        let variables: Pairs = api.stage_variables.into_iter().collect();
        let routes = api.routes.into_iter();
        let credentials = options.credentials.clone();
        let verifier = credentials.map(|own| Verifier::new(own, &options.region, SERVICE));
        Self {
            api_id: api.id,
            stage: api.stage,
            stage_variables: (!variables.is_empty()).then_some(variables),
            expression: api.expression,
            authorization: api.authorization,
            api_keys: api.api_keys,
            routes: routes.map(|(key, route)| (key.into(), route)).collect(),
            connections: Registry::default(),
            connecting: ConnectingSet::default(),
            closing: watch::Sender::new(false),
            tls_noticed: AtomicBool::new(false),
            random: Mutex::new(options.random.clone()),
            verifier,
            options,
        }
    }

    /// Returns the route of this key, and a shared key.
    pub(super) fn route(&self, key: &str) -> Option<(&Arc<str>, &Route)> {
        self.routes.get_key_value(key)
    }

    /// Returns the API keys, if clients need one (conformance B11).
    pub(super) fn api_keys(&self) -> Option<&ApiKeys> {
        let connect = self.routes.get("$connect")?;
        connect.api_key_required.then_some(&self.api_keys)
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.options.clock)()
    }

    /// Returns a new connection, request or message id.
    pub(super) fn new_id(&self) -> String {
        event::new_id(&mut lock(&self.random))
    }

    /// Returns a new trace id, in the format of `X-Amzn-Trace-Id`.
    pub(super) fn new_trace(&self, now: Timestamp) -> String {
        let mut random = lock(&self.random);
        let (high, low) = (random.u32(..), random.u64(..));
        format!("Root=1-{:08x}-{high:08x}{low:016x}", now.secs())
    }

    /// Returns the bounds of one client's outbox (conformance G6).
    pub(super) fn outbox_bounds(&self) -> Bounds {
        Bounds {
            bytes: self.options.outbox_bytes,
            messages: self.options.outbox_messages,
        }
    }

    /// Returns the bounds of one connection's messages in flight (conformance F8).
    pub(super) fn in_flight_bounds(&self) -> Bounds {
        Bounds {
            messages: self.options.in_flight,
            bytes: self.options.in_flight_bytes,
        }
    }

    pub(super) fn observe(&self, operation: Operation<'_>) {
        self.options.observers.operation(&operation);
    }

    /// Waits until the gateway ends.
    pub(super) async fn ended(&self) {
        // `self` holds the sender, so this cannot fail.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }
}
