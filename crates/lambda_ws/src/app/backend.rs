//! What a program has behind it.

mod transports;

pub(crate) use transports::Transports;

use crate::ConnectionId;
use crate::event::Context;
use crate::send_error::SendError;
use crate::sender::{self, Cleanup, Clock, Pace, SEND_RATE, Sender, SystemClock};
use crate::store::DynStore;
use crate::transport::DynTransport;
use futures_util::future;
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

/// How long the start of the program may be delayed to open connections to AWS.
const WARM: Duration = Duration::from_secs(2);

/// Where connections are kept, how messages are sent, what time it is.
pub(crate) struct Backend {
    pub(super) store: Arc<dyn DynStore>,
    transports: Transports,
    clock: Arc<dyn Clock>,
    pace: Arc<Pace>,
}

impl Backend {
    pub(crate) fn new(store: Arc<dyn DynStore>, transports: Transports) -> Self {
        Self {
            store,
            transports,
            clock: Arc::new(SystemClock),
            pace: Arc::new(Pace::new(SEND_RATE)),
        }
    }

    pub(crate) fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The management API's URL, if it is known without an event.
    #[cfg(test)]
    pub(crate) fn url(&self) -> Option<&str> {
        self.transports.url()
    }

    /// A sender for use outside of events, if the management API is known without one.
    pub(crate) fn sender(&self) -> Option<Sender> {
        let (transport, api) = self.transports.known()?;
        Some(self.sender_through(transport, api, Cleanup::awaited(), None))
    }

    /// The sender of an event; `opening`, if it is the connection's `$connect`.
    pub(super) fn sender_for(&self, context: &Context, cleanup: Cleanup, opening: bool) -> Sender {
        let (transport, api) = self.transports.of(context);
        let opening = opening.then(|| context.connection_id().clone());
        self.sender_through(transport, Some(api), cleanup, opening)
    }

    fn sender_through(
        &self,
        transport: Arc<dyn DynTransport>,
        api: Option<String>,
        cleanup: Cleanup,
        opening: Option<ConnectionId>,
    ) -> Sender {
        Sender::from(sender::Inner {
            store: self.store.clone(),
            transport,
            clock: self.clock.clone(),
            cleanup,
            api,
            opening,
            pace: self.pace.clone(),
            deadline: None,
        })
    }

    /// Opens the connections to DynamoDB and the management API while Lambda starts the program, so
    /// that the first event need not. What fails here may succeed there.
    pub(crate) async fn warm(&self) {
        let nobody = ConnectionId::from("warm");
        let store = async {
            if let Err(error) = self.store.record(&nobody, self.clock.now()).await {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the connection store is not warm"
                );
            }
        };
        let transport = async {
            let Some((transport, _)) = self.transports.known() else {
                return;
            };
            match transport.inspect(&nobody).await {
                Ok(_) | Err(SendError::Gone) => {}
                Err(error) => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "the management API is not warm"
                    );
                }
            }
        };
        let both = future::join(store, transport);
        if tokio::time::timeout(WARM, both).await.is_err() {
            warn!("AWS did not answer in time: the first event will be slower");
        }
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").finish_non_exhaustive()
    }
}
