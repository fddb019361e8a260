//! What a program has behind it.

mod transports;

use transports::Route;
pub(crate) use transports::Transports;

use crate::ConnectionId;
use crate::clock::{Clock, SystemClock};
use crate::context::Context;
use crate::effects::Effects;
use crate::error::BoxError;
use crate::error::SendError;
use crate::metrics::Metric;
use crate::metrics::Metrics;
use crate::presence::{Hooks, PresenceLedger, PresenceState};
use crate::sender::{
    self, EventOrigin, GoneMemory, Histories, RateLimiter, SEND_RATE, SEND_TASKS, Sender,
    SlowClients, TaskHandOff,
};
use crate::store::{DynStore, Memory};
use crate::task::Tasks;
use crate::transport::LogOnly;
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
    /// The number of tasks that share a broadcast.
    width: usize,
    /// Of programs that serve events.
    presences: Option<Arc<PresenceState>>,
    /// The rooms that have a history, if the router has channels.
    histories: Option<Arc<Histories>>,
    /// Of those that are asked to count.
    metrics: Option<Arc<Metrics>>,
}

/// The part of an invocation that its senders share.
#[derive(Clone)]
pub(super) struct EventScope {
    pub(super) effects: Effects,
    /// When broadcasts must have returned.
    pub(super) deadline: Option<Instant>,
}

/// The share of a task in a broadcast.
pub(super) struct TaskShare {
    /// The id of the task, and its position in the chain of tasks.
    pub(super) task: (String, u32),
    /// The messages per second at first.
    pub(super) rate: u32,
    /// The messages per second to which the task returns.
    pub(super) full_rate: u32,
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
            histories: None,
            metrics: None,
        }
    }

    /// A backend that keeps connections in memory and logs messages instead of sending them.
    pub(crate) fn in_memory() -> Self {
        Self::new(Arc::new(Memory::new()), Transports::one(Arc::new(LogOnly)))
    }

    /// The same for a program that serves events with a router of these hooks: its senders store departures.
    pub(super) fn hosted(mut self, hooks: Option<Hooks>) -> Self {
        self.presences = Some(Arc::new(PresenceState::new(hooks)));
        self
    }

    /// The same with rooms that have a history.
    pub(super) fn with_histories(mut self, histories: Option<Histories>) -> Self {
        self.histories = histories.map(Arc::new);
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

    /// Returns a sender for use outside of events, if the management API is known without one.
    pub(crate) fn sender(&self) -> Option<Sender> {
        self.sender_without_event(&EventScope {
            effects: Effects::inline(),
            deadline: None,
        })
    }

    /// Returns the sender of an invocation without a connection.
    pub(super) fn sender_without_event(&self, scope: &EventScope) -> Option<Sender> {
        let (route, api) = self.transports.known()?;
        Some(self.sender_through(route, api, scope, EventOrigin::Outside, None))
    }

    /// Returns the sender of an event.
    pub(super) fn sender_for(
        &self,
        context: &Context,
        scope: &EventScope,
        origin: EventOrigin,
    ) -> Sender {
        let (route, api) = self.transports.of(context);
        self.sender_through(route, Some(api), scope, origin, None)
    }

    /// Returns the sender for the connections of `api`, which is `<apiId>/<stage>`.
    pub(super) fn sender_at(
        &self,
        api: Option<&str>,
        scope: &EventScope,
        share: Option<TaskShare>,
    ) -> Option<Sender> {
        let (route, known) = self.transports.at(api)?;
        let api = known.or_else(|| api.map(str::to_owned));
        Some(self.sender_through(route, api, scope, EventOrigin::Outside, share))
    }

    fn sender_through(
        &self,
        (transport, endpoint): Route,
        api: Option<String>,
        scope: &EventScope,
        origin: EventOrigin,
        share: Option<TaskShare>,
    ) -> Sender {
        let rate_limiter = match &share {
            Some(share) => {
                let slow = self.rate_limiter.slow().clone();
                Arc::new(RateLimiter::with(share.full_rate, slow).starting_at(share.rate))
            }
            None => self.rate_limiter.clone(),
        };
        Sender::from(sender::Inner {
            store: self.store.clone(),
            transport,
            clock: self.clock.clone(),
            effects: scope.effects.clone(),
            origin,
            api,
            gone: self.gone.clone(),
            endpoint,
            rate_limiter,
            deadline: scope.deadline,
            relay: self.tasks.clone().map(|tasks| TaskHandOff {
                tasks,
                width: self.width,
                parent: share.map(|share| share.task),
            }),
            presences: self.presences.clone(),
            histories: self.histories.clone(),
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
