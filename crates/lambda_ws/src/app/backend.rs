//! The services of a program: store, transport, tasks and clock.

mod transports;

use transports::Route;
pub(crate) use transports::Transports;

use crate::ConnectionId;
use crate::clock::{Clock, SystemClock};
use crate::context::Context;
use crate::effects::Effects;
use crate::error::BoxError;
use crate::error::SendError;
use crate::metrics::{EventMetrics, Metric, Metrics};
use crate::presence::{Hooks, PresenceLedger, PresenceState};
use crate::random;
use crate::sender::{
    self, EventOrigin, GoneMemory, Histories, ParentTask, RateLimiter, SEND_RATE, SEND_TASKS,
    Sender, SlowClients, TaskHandOff,
};
use crate::store::{DynStore, Memory};
use crate::task::Tasks;
use crate::transport::{LogOnly, NoEndpoint};
use futures_util::future;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// How long the warm-up may delay the start of the program.
const WARM: Duration = Duration::from_secs(2);

/// The store, transport, tasks and clock of a program.
pub(crate) struct Backend {
    pub(super) store: Arc<dyn DynStore>,
    transports: Transports,
    clock: Arc<dyn Clock>,
    rate_limiter: Arc<RateLimiter>,
    /// The connections that this process knows as ended.
    pub(super) gone: Arc<GoneMemory>,
    tasks: Option<Arc<dyn Tasks>>,
    pub(super) batches_joins: bool,
    width: usize,
    /// Set for programs that serve events.
    presences: Option<Arc<PresenceState>>,
    /// The rooms that have a history, if the router has channels.
    histories: Option<Arc<Histories>>,
    metrics: Option<Arc<Metrics>>,
}

/// The part of an invocation that its senders share.
#[derive(Clone)]
pub(super) struct EventScope {
    pub(super) effects: Effects,
    /// The time when broadcasts must have returned.
    pub(super) deadline: Option<Instant>,
    /// The time after the deadline to queue follow-up tasks and to respond.
    pub(super) reserve: Duration,
    /// Of a function that is asked to count.
    pub(super) metrics: Option<Arc<EventMetrics>>,
}

impl EventScope {
    /// Adds one to a metric.
    pub(super) fn count(&self, metric: Metric) {
        if let Some(metrics) = &self.metrics {
            metrics.count(metric);
        }
    }
}

pub(super) struct TaskShare {
    pub(super) task: ParentTask,
    /// The initial rate, in messages per second.
    pub(super) rate: u32,
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

    /// Creates a backend that stores connections in memory and logs messages instead of sending them.
    pub(crate) fn in_memory() -> Self {
        Self::new(Arc::new(Memory::new()), Transports::one(Arc::new(LogOnly)))
    }

    /// Prepares the backend for a router with these hooks: its senders store departures.
    pub(super) fn hosted(mut self, hooks: Option<Hooks>) -> Self {
        self.presences = Some(Arc::new(PresenceState::new(hooks)));
        self
    }

    /// Returns the backend with rooms that have a history.
    pub(super) fn with_histories(mut self, histories: Option<Histories>) -> Self {
        self.histories = histories.map(Arc::new);
        self
    }

    /// Counts metrics, also those of tasks.
    pub(crate) fn measured(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(Arc::new(metrics));
        self
    }

    pub(super) fn metrics(&self) -> Option<&Arc<Metrics>> {
        self.metrics.as_ref()
    }

    pub(super) fn presences(&self) -> &PresenceState {
        let presences = self.presences.as_deref();
        presences.expect("a host has called `hosted`")
    }

    pub(super) fn ledger(&self) -> PresenceLedger<'_> {
        PresenceLedger {
            store: &*self.store,
            clock: self.clock(),
        }
    }

    pub(crate) fn paced(mut self, rate: u32) -> Self {
        self.rate_limiter = Arc::new(RateLimiter::with(rate, self.rate_limiter.slow().clone()));
        self
    }

    /// Closes connections that are slow for this long, or none.
    pub(super) fn closing_slow(mut self, after: Option<Duration>) -> Self {
        let slow = Arc::new(SlowClients::new(after));
        self.rate_limiter = Arc::new(RateLimiter::with(self.rate_limiter.full() as u32, slow));
        self
    }

    /// Sets the queue of follow-up tasks, and the number of tasks that share a broadcast.
    pub(crate) fn with_tasks(mut self, tasks: Arc<dyn Tasks>, width: usize) -> Self {
        self.tasks = Some(tasks);
        self.batches_joins = true;
        self.width = width.max(1);
        self
    }

    /// Announces each user who joins a room separately. The clock of tests stands still, so batches would never end.
    pub(crate) fn without_join_batches(mut self) -> Self {
        self.batches_joins = false;
        self
    }

    /// Whether the function can invoke itself.
    pub(super) fn has_tasks(&self) -> bool {
        self.tasks.is_some()
    }

    /// Returns what queues the tasks of an event, and counts them.
    pub(super) fn tasks(&self, scope: &EventScope) -> Option<Arc<dyn Tasks>> {
        let tasks = self.tasks.clone()?;
        Some(match scope.metrics.clone() {
            Some(metrics) => Arc::new(Counted { tasks, metrics }),
            None => tasks,
        })
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Returns the management API's URL, if it is known without an event.
    #[cfg(test)]
    pub(crate) fn url(&self) -> Option<&str> {
        self.transports.url()
    }

    /// Returns a sender for use outside of events, if the management API is known without one.
    pub(crate) fn sender(&self) -> Option<Sender> {
        self.sender_without_event(&EventScope {
            effects: Effects::inline(),
            deadline: None,
            reserve: Duration::ZERO,
            metrics: None,
        })
    }

    /// Returns the sender of an invocation without a connection.
    pub(super) fn sender_without_event(&self, scope: &EventScope) -> Option<Sender> {
        let (route, api) = self.transports.known()?;
        Some(self.sender_through(route, api, scope, EventOrigin::Outside, None))
    }

    /// Returns the sender of an event that does not come from a connection. Where the management API is not known, the
    /// sender still reads the store, and fails to send.
    pub(super) fn sender_of_trigger(&self, scope: &EventScope) -> Sender {
        self.sender_without_event(scope).unwrap_or_else(|| {
            let route: Route = (Arc::new(NoEndpoint), Arc::default());
            self.sender_through(route, None, scope, EventOrigin::Outside, None)
        })
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
            hand_off: self.tasks(scope).map(|tasks| TaskHandOff {
                tasks,
                width: self.width,
                parent: share.map(|share| share.task),
                // The rest of the reserve is for the response.
                until: scope.deadline.map(|end| end + scope.reserve * 3 / 4),
            }),
            presences: self.presences.clone(),
            histories: self.histories.clone(),
            metrics: scope.metrics.clone(),
        })
    }

    /// Lambda has restored the process from a snapshot (SnapStart). Its connections are gone, and other processes have
    /// the same memory.
    pub(crate) fn restored(&self) {
        random::restored();
        crate::https::RESTORES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    /// Opens the connections to DynamoDB and the management API while Lambda starts the program, so
    /// that the first event need not. What fails here may succeed there.
    pub(crate) async fn warm(&self) {
        let nobody = ConnectionId::from("warm");
        let store = async {
            if let Err(error) = self.store.record(&nobody, self.clock.now()).await {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the warm-up of the connection store failed"
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
                        "the warm-up of the management API failed"
                    );
                }
            }
        };
        // The transport comes first, because its request starts at once, while the SDK still prepares its own.
        let both = future::join(transport, store);
        if tokio::time::timeout(WARM, both).await.is_err() {
            warn!("the warm-up timed out: the first event will be slower");
        }
    }
}

struct Counted {
    tasks: Arc<dyn Tasks>,
    metrics: Arc<EventMetrics>,
}

impl Tasks for Counted {
    fn queue(&self, event: String) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            // A broadcast that gives up drops this future.
            let mut counting = Counting(&self.metrics, Metric::TasksFailed);
            let queued = self.tasks.queue(event).await;
            if queued.is_ok() {
                counting.1 = Metric::TasksHandedOn;
            }
            queued
        })
    }
}

/// Adds one to a metric when it is dropped.
struct Counting<'m>(&'m EventMetrics, Metric);

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.0.count(self.1);
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").finish_non_exhaustive()
    }
}
