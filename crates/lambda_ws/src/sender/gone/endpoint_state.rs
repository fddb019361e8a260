//! The state of a management endpoint.

use super::super::Sender;
use crate::ConnectionId;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The state of a management endpoint in a process. A wrong endpoint returns 410 for every connection, like a correct
/// one for gone connections.
#[derive(Debug, Default)]
pub(crate) struct EndpointState {
    is_proven: AtomicBool,
    /// The API and stage of the endpoint as `<apiId>/<stage>`, if its URL does not contain them.
    api: OnceLock<String>,
}

impl EndpointState {
    /// Creates the state of an endpoint whose URL comes from the API and stage of each record.
    pub(crate) fn proven() -> Self {
        let endpoint = Self::default();
        endpoint.prove();
        endpoint
    }

    pub(in crate::sender) fn prove(&self) {
        if !self.is_proven.load(Ordering::Relaxed) {
            self.is_proven.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn learn_api(&self, api: &str) {
        self.api.get_or_init(|| api.to_owned());
    }

    pub(in crate::sender) fn api(&self) -> Option<String> {
        self.api.get().cloned()
    }
}

impl Sender {
    pub(in crate::sender) fn is_endpoint_proven(&self) -> bool {
        self.0.endpoint.is_proven.load(Ordering::Relaxed)
    }

    /// Inspects the live connection of this event, unless the endpoint is already proven.
    pub(in crate::sender) async fn prove_endpoint(&self) -> bool {
        if !self.is_endpoint_proven()
            && let Some(alive) = self.0.origin.alive()
        {
            // Success proves the endpoint.
            let _ = self.inspect(alive).await;
        }
        self.is_endpoint_proven()
    }

    /// Learns the API and stage of the endpoint from the record of a connection that it reached.
    pub(in crate::sender) async fn learn_api(&self, reached: Option<&ConnectionId>) {
        let Some(reached) = reached else { return };
        if let Ok(Some(record)) = self.store().record(reached, self.now()).await {
            self.0.endpoint.learn_api(&record.api);
        }
    }
}
