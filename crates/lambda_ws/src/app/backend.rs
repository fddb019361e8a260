//! What a program has behind it.

mod transports;

use transports::Route;
pub(crate) use transports::Transports;

use crate::ConnectionId;
use crate::clock::{Clock, SystemClock};
use crate::context::Context;
use crate::error::BoxError;
use crate::error::SendError;
use crate::metrics::Metric;
use crate::metrics::Metrics;
use crate::presence::{Hooks, PresenceLedger, PresenceState};
use crate::sender::{
    self, Cleanup, GoneMemory, RateLimiter, SEND_RATE, SEND_TASKS, Sender, SlowClients, TaskHandOff,
};
use crate::store::DynStore;
use crate::task::Tasks;
use futures_util::future;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// How long the start of the program may be delayed to open connections to AWS.
const WARM: Duration = Duration::from_secs(2);

/// Where connections are kept, how messages are sent, what time it is.
pub(crate) struct Backend {
    pub(super) store: Arc<dyn DynStore>,
    transports: Transports,
    clock: Arc<dyn Clock>,
    rate_limiter: Arc<RateLimiter>,
    /// The connections that have ended, as far as this process knows.
    pub(super) gone: Arc<GoneMemory>,
    tasks: Option<Arc<dyn Tasks>>,
    /// Whether users who join a room at about the same time are announced together.
    pub(super) batches_joins: bool,
    /// How many tasks share a message to many.
    width: usize,
    /// Of programs that serve events.
    presences: Option<Arc<PresenceState>>,
    /// Of those that are asked to count.
    metrics: Option<Arc<Metrics>>,
}

/// What is particular to a sender.
#[derive(Default)]
pub(super) struct Particulars {
    /// The connection whose `$connect` this is.
    pub(super) opening: Option<ConnectionId>,
    /// The open connection that the event belongs to.
    pub(super) alive: Option<ConnectionId>,
    /// The connection is about to be open.
    pub(super) greets: bool,
    /// When messages to many must have returned.
    pub(super) deadline: Option<Instant>,
    /// A share of the present and of the full rate, instead of the rate_limiter.
    pub(super) rate: Option<(u32, u32)>,
    /// The task this is done in, and how many there were in a row.
    pub(super) parent: Option<(String, u32)>,
    /// Messages to many leave out the connection whose `$connect` this is.
    pub(super) spares: bool,
}

impl Backend {
    pub(crate) fn new(store: Arc<dyn DynStore>, transports: Transports) -> Self {
        Self {
            store,
            transports,
            clock: Arc::new(SystemClock),
            rate_limiter: Arc::new(RateLimiter::new(SEND_RATE)),
            gone: Arc::default(),
            tasks: None,
            batches_joins: false,
            width: SEND_TASKS,
            presences: None,
            metrics: None,
        }
    }

    /// The same for a program that serves events with a router of these hooks: its senders store departures.
    pub(super) fn hosted(mut self, hooks: Option<Hooks>) -> Self {
        self.presences = Some(Arc::new(PresenceState::new(hooks)));
        self
    }

    /// The same with what it does counted, also what its tasks do.
    pub(crate) fn measured(mut self, metrics: Metrics) -> Self {
        let metrics = Arc::new(metrics);
        self.tasks = self.tasks.map(|tasks| -> Arc<dyn Tasks> {
            let metrics = metrics.clone();
            Arc::new(Counted { tasks, metrics })
        });
        self.metrics = Some(metrics);
        self
    }

    pub(super) fn metrics(&self) -> Option<&Arc<Metrics>> {
        self.metrics.as_ref()
    }

    pub(super) fn presences(&self) -> &PresenceState {
        let presences = self.presences.as_deref();
        presences.expect("a host has called `hosted`")
    }

    /// Where presences are kept.
    pub(super) fn kept(&self) -> PresenceLedger<'_> {
        PresenceLedger {
            store: &*self.store,
            clock: self.clock(),
        }
    }

    /// Sends at most so many messages a second.
    pub(super) fn paced(mut self, rate: u32) -> Self {
        self.rate_limiter = Arc::new(RateLimiter::with(rate, self.rate_limiter.slow().clone()));
        self
    }

    /// Closes connections that stay slow for so long, or none.
    pub(super) fn closing_slow(mut self, after: Option<Duration>) -> Self {
        let slow = Arc::new(SlowClients::new(after));
        self.rate_limiter = Arc::new(RateLimiter::with(self.rate_limiter.full() as u32, slow));
        self
    }

    /// Has `tasks` do what an event cannot, `width` of them at once.
    pub(crate) fn with_tasks(mut self, tasks: Arc<dyn Tasks>, width: usize) -> Self {
        self.tasks = Some(tasks);
        self.batches_joins = true;
        self.width = width.max(1);
        self
    }

    /// Announces each user who joins a room separately: where time stands still, all join at the same time.
    pub(crate) fn without_join_batches(mut self) -> Self {
        self.batches_joins = false;
        self
    }

    pub(super) fn tasks(&self) -> Option<&dyn Tasks> {
        self.tasks.as_deref()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
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
        self.sender_without_event(Cleanup::awaited(), Particulars::default())
    }

    /// The same for an event that is none of an API.
    pub(super) fn sender_without_event(
        &self,
        cleanup: Cleanup,
        particulars: Particulars,
    ) -> Option<Sender> {
        let (route, api) = self.transports.known()?;
        Some(self.sender_through(route, api, cleanup, particulars))
    }

    /// The sender of an event.
    pub(super) fn sender_for(
        &self,
        context: &Context,
        cleanup: Cleanup,
        particulars: Particulars,
    ) -> Sender {
        let (route, api) = self.transports.of(context);
        self.sender_through(route, Some(api), cleanup, particulars)
    }

    /// The sender for the connections of `api`, which is `<apiId>/<stage>`.
    pub(super) fn sender_at(
        &self,
        api: Option<&str>,
        cleanup: Cleanup,
        particulars: Particulars,
    ) -> Option<Sender> {
        let (route, known) = self.transports.at(api)?;
        let api = known.or_else(|| api.map(str::to_owned));
        Some(self.sender_through(route, api, cleanup, particulars))
    }

    fn sender_through(
        &self,
        (transport, endpoint): Route,
        api: Option<String>,
        cleanup: Cleanup,
        particulars: Particulars,
    ) -> Sender {
        let share = particulars.rate.map(|(rate, full)| {
            let rate_limiter = RateLimiter::with(full, self.rate_limiter.slow().clone());
            Arc::new(rate_limiter.starting_at(rate))
        });
        Sender::from(sender::Inner {
            store: self.store.clone(),
            transport,
            clock: self.clock.clone(),
            cleanup,
            api,
            gone: self.gone.clone(),
            endpoint,
            opening: particulars.opening,
            alive: particulars.alive,
            rate_limiter: share.unwrap_or_else(|| self.rate_limiter.clone()),
            deadline: particulars.deadline,
            relay: self.tasks.clone().map(|tasks| TaskHandOff {
                tasks,
                width: self.width,
                parent: particulars.parent,
            }),
            greets: particulars.greets,
            spares: particulars.spares,
            presences: self.presences.clone(),
            metrics: self.metrics.clone(),
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
            let Some(((transport, _), _)) = self.transports.known() else {
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
        // The one that is asked for at once first: a host is slower than what the SDK does before it asks.
        let both = future::join(transport, store);
        if tokio::time::timeout(WARM, both).await.is_err() {
            warn!("AWS did not answer in time: the first event will be slower");
        }
    }
}

/// Tasks whose outcomes are counted.
struct Counted {
    tasks: Arc<dyn Tasks>,
    metrics: Arc<Metrics>,
}

impl Tasks for Counted {
    fn queue(&self, event: String) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            let queued = self.tasks.queue(event).await;
            self.metrics.count(match &queued {
                Ok(()) => Metric::TasksHandedOn,
                Err(_) => Metric::TasksFailed,
            });
            queued
        })
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").finish_non_exhaustive()
    }
}
