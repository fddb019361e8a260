//! What all connections of a gateway share.

use super::api::{Api, ApiKeys, Authorization, Route};
use super::connection::{Bounds, ConnectingSet, Registry};
use super::options::Options;
use crate::activity::{Observer as _, Operation};
use crate::lock::lock;
use lambda_ws_protocol::event::{self, Pairs};
use lambda_ws_protocol::{Timestamp, selection};
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// The API, the options, and the connections that are open.
pub(super) struct GatewayState {
    pub(super) api_id: String,
    pub(super) stage: String,
    pub(super) stage_variables: Option<Pairs>,
    pub(super) expression: selection::Expression,
    pub(super) authorization: Authorization,
    api_keys: ApiKeys,
    routes: HashMap<Arc<str>, Route>,
    pub(super) options: Options,
    pub(super) connections: Registry,
    pub(super) connecting: ConnectingSet,
    /// Becomes true when the gateway ends.
    pub(super) closing: watch::Sender<bool>,
    /// A client has spoken TLS where it is not spoken.
    pub(super) tls_noticed: AtomicBool,
    random: Mutex<fastrand::Rng>,
}

impl GatewayState {
    pub(super) fn new(api: Api, options: Options) -> Self {
        let variables: Pairs = api.stage_variables.into_iter().collect();
        let routes = api.routes.into_iter();
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
            options,
        }
    }

    /// The route of this key, and the key to keep.
    pub(super) fn route(&self, key: &str) -> Option<(&Arc<str>, &Route)> {
        self.routes.get_key_value(key)
    }

    /// The keys of which a client needs one, if it does (conformance B11).
    pub(super) fn api_keys(&self) -> Option<&ApiKeys> {
        let connect = self.routes.get("$connect")?;
        connect.api_key_required.then_some(&self.api_keys)
    }

    /// The present.
    pub(super) fn now(&self) -> Timestamp {
        (self.options.clock)()
    }

    /// A new connection, request or message id.
    pub(super) fn new_id(&self) -> String {
        event::new_id(&mut lock(&self.random))
    }

    /// A new trace id, as `X-Amzn-Trace-Id` has it.
    pub(super) fn new_trace(&self, now: Timestamp) -> String {
        let mut random = lock(&self.random);
        let (high, low) = (random.u32(..), random.u64(..));
        format!("Root=1-{:08x}-{high:08x}{low:016x}", now.secs())
    }

    /// The most that may wait for one client (conformance G6).
    pub(super) fn outbox_bounds(&self) -> Bounds {
        Bounds {
            bytes: self.options.outbox_bytes,
            messages: self.options.outbox_messages,
        }
    }

    /// The most of one connection that may be with its integrations (conformance F8).
    pub(super) fn in_flight_bounds(&self) -> Bounds {
        Bounds {
            messages: self.options.in_flight,
            bytes: self.options.in_flight_bytes,
        }
    }

    /// Reports an operation.
    pub(super) fn observe(&self, operation: Operation<'_>) {
        self.options.observers.operation(&operation);
    }

    /// Resolves when the gateway ends.
    pub(super) async fn ended(&self) {
        // Fails only without a sender, and `self` is one.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }
}
