//! What a process knows of a management endpoint.

use super::super::Sender;
use crate::ConnectionId;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a process knows of a management endpoint. A wrong endpoint returns 410 for every connection, as does
/// the right one for connections that are gone.
#[derive(Debug, Default)]
pub(crate) struct EndpointState {
    is_proven: AtomicBool,
    /// The API and stage that it reaches, as `<apiId>/<stage>`, where its URL does not contain them.
    api: OnceLock<String>,
}

impl EndpointState {
    /// An endpoint whose URL is made of the API and stage, which are those of each record that is removed.
    pub(crate) fn proven() -> Self {
        let endpoint = Self::default();
        endpoint.prove();
        endpoint
    }

    /// The endpoint has reached a connection.
    pub(in crate::sender) fn prove(&self) {
        if !self.is_proven.load(Ordering::Relaxed) {
            self.is_proven.store(true, Ordering::Relaxed);
        }
    }

    /// The endpoint reaches connections of this API and stage.
    pub(crate) fn learn_api(&self, api: &str) {
        self.api.get_or_init(|| api.to_owned());
    }

    pub(in crate::sender) fn api(&self) -> Option<String> {
        self.api.get().cloned()
    }
}

impl Sender {
    /// Whether the endpoint has reached a connection.
    pub(in crate::sender) fn is_endpoint_proven(&self) -> bool {
        self.0.endpoint.is_proven.load(Ordering::Relaxed)
    }

    /// Looks for the connection of this event, which is alive, if nothing else has proven the endpoint.
    pub(in crate::sender) async fn prove_endpoint(&self) -> bool {
        if !self.is_endpoint_proven()
            && let Some(alive) = self.0.origin.alive()
        {
            // A success proves it.
            let _ = self.inspect(alive).await;
        }
        self.is_endpoint_proven()
    }

    /// Learns the API and stage of the endpoint from the record of a connection that it has reached.
    pub(in crate::sender) async fn learn_api(&self, reached: Option<&ConnectionId>) {
        let Some(reached) = reached else { return };
        if let Ok(Some(record)) = self.store().record(reached, self.now()).await {
            self.0.endpoint.learn_api(&record.api);
        }
    }
}
