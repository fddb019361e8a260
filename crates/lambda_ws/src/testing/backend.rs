//! The environment of the application: clients, clock and tasks.

use super::shared::Shared;
use crate::app::{Backend, Dispatcher, Transports};
use crate::clock::Clock;
use crate::error::{BoxError, SendError};
use crate::payload::Payload;
use crate::router::Router;
use crate::store::{InterceptedStore, Memory, StoreError};
use crate::task::Tasks;
use crate::transport::{Inspection, Transport};
use crate::{ConnectionId, Timestamp};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lambda_ws_protocol::CloseReason;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};

/// The start time of every test: 5 January 2026, 10:04.
pub(super) const BEGINNING: Timestamp = Timestamp::from_secs(1_767_607_440);

/// How often other tasks run during a pause.
const CHANCES: usize = 100;

const URL: &str = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/test";

impl Shared {
    pub(super) fn start(router: Router) -> Arc<Self> {
        Arc::new_cyclic(|shared: &Weak<Self>| {
            let store = Memory::new();
            let transports = Transports::one(Arc::new(ClientTransport(shared.clone())));
            let remote = InterceptedStore {
                store: store.clone(),
                // It yields like a remote store, so that races show.
                before: |_: &str| -> BoxFuture<'static, Result<(), StoreError>> {
                    Box::pin(tokio::task::yield_now().map(Ok))
                },
            };
            let backend = Backend::new(Arc::new(remote), transports);
            let backend = backend
                .with_clock(StandingClock(shared.clone()))
                .with_tasks(Arc::new(Queue(shared.clone())), 4)
                .without_join_batches();
            let sender = backend.sender().expect("one transport needs no event");
            Self::new(Dispatcher::new(router, backend), store, sender, BEGINNING)
        })
    }
}

/// The gateway's clock, as the application sees it.
struct StandingClock(Weak<Shared>);

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        self.0
            .upgrade()
            .map_or_else(Timestamp::default, |shared| shared.now())
    }

    /// A pause matters only to a connection in its handshake. The handshake may wait for this pause, so it gets a
    /// chance to finish and no more.
    fn pause(&self, _: Duration, id: &ConnectionId) -> BoxFuture<'static, ()> {
        let (shared, id) = (self.0.upgrade(), id.clone());
        Box::pin(async move {
            let Some(shared) = shared else { return };
            let is_parallel = Handle::try_current()
                .is_ok_and(|handle| handle.runtime_flavor() != RuntimeFlavor::CurrentThread);
            for _ in 0..CHANCES {
                if !shared.sockets().is_opening(&id) {
                    return;
                }
                if is_parallel {
                    // The handshake may run on another thread, which a yield does not reach.
                    std::thread::sleep(Duration::from_millis(1));
                }
                tokio::task::yield_now().await;
            }
        })
    }
}

/// The application's transport to the clients (conformance G4 to G9).
struct ClientTransport(Weak<Shared>);

impl ClientTransport {
    fn shared(&self) -> Result<Arc<Shared>, SendError> {
        self.0.upgrade().ok_or(SendError::Gone)
    }
}

impl Transport for ClientTransport {
    async fn post(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        let shared = self.shared()?;
        let (message, now) = (payload.text().to_owned(), shared.now());
        shared.change(|sockets| sockets.push(id, message, now))
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        let shared = self.shared()?;
        let alone = shared.change(|sockets| {
            sockets.close(id, CloseReason::NORMAL)?;
            Ok::<_, SendError>(sockets.under_way == 0)
        })?;
        // Concurrent actions report their own ends, because a handler must not run within another.
        if alone {
            shared.send_disconnects().await;
        }
        Ok(())
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        let shared = self.shared()?;
        let mut sockets = shared.sockets();
        let socket = sockets.open(id)?;
        Ok(Inspection {
            connected_at: socket.connected_at,
            last_active_at: socket.last_active_at,
            source_ip: socket.source_ip.clone(),
            user_agent: socket.user_agent.clone(),
        })
    }

    fn url(&self) -> &str {
        URL
    }
}

/// The asynchronous invocations. Each starts at once and runs concurrently.
struct Queue(Weak<Shared>);

impl Tasks for Queue {
    fn queue(&self, event: String) -> BoxFuture<'_, Result<(), BoxError>> {
        if let Some(shared) = self.0.upgrade() {
            let (task, call) = (shared.task(), shared.call(event));
            tokio::spawn(async move {
                let done = call.await;
                drop(task);
                if let Err(error) = done {
                    tracing::error!(error = &*error, "a task failed");
                }
            });
        }
        Box::pin(std::future::ready(Ok(())))
    }
}
