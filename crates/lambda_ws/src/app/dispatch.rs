//! Dispatches the JSON of an event and returns the JSON of its response.

mod admin;
mod authorize;
mod connect;
mod disconnect;
mod invocation;
mod message;
mod opened;
mod presence;
mod publish;
mod records;
mod seen;
#[cfg(feature = "otel")]
mod spans;
mod sweep;
mod task;
mod trigger;

use super::backend::{Backend, EventScope};
use super::failure::Failure;
use super::lambda_response::LambdaResponse;
use crate::Timestamp;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::effects::Effects;
use crate::error::{BoxError, Error};
use crate::event::{AnyEvent, Event, EventData, Message};
use crate::metrics::Metrics;
#[cfg(feature = "otel")]
use crate::otel::EventSpan;
use crate::response::{IntoResponse, Response};
use crate::router::{Router, RouterService};
use crate::sender::Sender;
use crate::trace::EventTrace;
use bytes::Bytes;
use futures_util::future::{self, Either};
use http::Extensions;
use invocation::Invocation;
use lambda_runtime::tower::ServiceExt;
use opened::Deferred;
pub(crate) use opened::OpenedConnections;
use seen::SeenMarks;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span, debug, error, error_span};

/// How long an event waits for its clean-up and for deferred handlers.
const SETTLE: Duration = Duration::from_secs(1);

/// The longest that `$connect` and messages may send a broadcast: API Gateway times out after 29 s (conformance E5).
const DEADLINE: Duration = Duration::from_secs(25);

/// The deadline and the ids of an invocation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InvocationContext<'a> {
    pub(crate) deadline: Option<Instant>,
    /// The time between the deadline and that of Lambda.
    pub(crate) reserve: Duration,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) trace_id: Option<&'a str>,
    /// The event, if handlers can keep it without a copy.
    pub(crate) event: Option<&'a Bytes>,
}

impl<'a> InvocationContext<'a> {
    /// Returns the context of an invocation that Lambda ends at `deadline`, in milliseconds since 1970. A deadline in
    /// the past is ignored: `cargo lambda watch` sends a duration instead of a time.
    pub(crate) fn of(
        deadline: u64,
        request_id: Option<&'a str>,
        trace_id: Option<&'a str>,
    ) -> Self {
        let (deadline, now) = (Timestamp::from_millis(deadline), Timestamp::now());
        Self {
            request_id,
            trace_id,
            ..match deadline > now {
                true => Self::within(deadline - now),
                false => Self::default(),
            }
        }
    }

    /// Returns the context of an invocation that Lambda ends after this time.
    pub(crate) fn within(left: Duration) -> Self {
        // Reserves time to queue follow-up tasks and to respond.
        let reserve = RESERVE.min(left / 8);
        Self {
            deadline: Some(Instant::now() + left.saturating_sub(reserve)),
            reserve,
            ..Self::default()
        }
    }

    /// The same with the bytes of the event, which handlers then keep without a copy.
    pub(crate) fn with_event(self, event: &'a Bytes) -> Self {
        Self {
            event: Some(event),
            ..self
        }
    }

    /// The bytes of the event, whose text is `json`.
    pub(super) fn json(self, json: &str) -> Bytes {
        let copied = || Bytes::copy_from_slice(json.as_bytes());
        self.event.cloned().unwrap_or_else(copied)
    }

    /// The same, if API Gateway waits for the response.
    fn awaited(self) -> Self {
        let most = Instant::now() + DEADLINE;
        Self {
            deadline: Some(self.deadline.map_or(most, |deadline| deadline.min(most))),
            ..self
        }
    }
}

/// How long before Lambda's deadline the last message is sent.
const RESERVE: Duration = Duration::from_secs(2);

pub(crate) struct Dispatcher {
    router: Arc<Router>,
    /// The router with its layers, if it has any.
    layered: Option<RouterService>,
    backend: Backend,
    /// Connections whose `opened` handlers run beside the next event that arrives.
    deferred: Mutex<Vec<Deferred>>,
    /// Set if the router stores when clients were last seen.
    seen: Option<Arc<SeenMarks>>,
    #[cfg(feature = "otel")]
    otel: Option<crate::otel::Otel>,
}

impl Dispatcher {
    pub(crate) fn new(router: Router, backend: Backend) -> Self {
        let router = Arc::new(router);
        let seen = router.seen_interval().map(SeenMarks::new).map(Arc::new);
        Self {
            layered: router.layered(),
            backend: backend
                .hosted(router.presence_hooks())
                .with_histories(router.histories()),
            router,
            deferred: Mutex::default(),
            seen,
            #[cfg(feature = "otel")]
            otel: None,
        }
    }

    /// Lambda has restored the process from a snapshot. `warms_up` opens connections before the first event.
    pub(crate) async fn restored(&self, warms_up: bool) {
        self.backend.restored();
        if warms_up {
            self.backend.warm().await;
        }
    }

    /// Returns the dispatcher with traces of its events.
    #[cfg(feature = "otel")]
    pub(crate) fn traced(self, otel: Option<crate::otel::Otel>) -> Self {
        Self { otel, ..self }
    }

    #[cfg(test)]
    pub(crate) fn metrics(&self) -> Option<Arc<Metrics>> {
        self.backend.metrics().cloned()
    }

    /// Returns the response to an event. It is an error if the event is unknown, or if it is an authorizer's or a
    /// non-API event that fails.
    pub(crate) async fn call(
        &self,
        json: &str,
        invocation: InvocationContext<'_>,
    ) -> Result<LambdaResponse, Failure> {
        let opened = OpenedConnections::default();
        let response = self.serve(json, invocation, &opened).await;
        self.release(&opened);
        response
    }

    /// The same for a response that has yet to leave. The caller [releases](Self::release) the `opened` connections
    /// then.
    pub(crate) async fn serve(
        &self,
        json: &str,
        invocation: InvocationContext<'_>,
        opened: &OpenedConnections,
    ) -> Result<LambdaResponse, Failure> {
        let metrics = self.backend.metrics().map(Metrics::event);
        // Written before Lambda has the response, and freezes the program.
        let _line = metrics
            .as_ref()
            .map(|metrics| metrics.line(self.backend.clock()));
        let deferred = self.take_deferred();
        let scope = EventScope {
            effects: Effects::spawned(),
            deadline: None,
            reserve: Duration::ZERO,
            metrics: metrics.clone(),
        };
        let response = self.respond_to(json, invocation, scope, opened);
        if deferred.is_empty() {
            return response.await.map_err(Failure::from);
        }
        let deferred = Box::pin(self.run_deferred(deferred, invocation, metrics.as_ref()));
        let response = match future::select(Box::pin(response), deferred).await {
            Either::Left((response, deferred)) => {
                // Unfinished handlers run again with the next event.
                let _ = timeout(SETTLE, deferred).await;
                response
            }
            Either::Right(((), response)) => response.await,
        };
        response.map_err(Failure::from)
    }

    // Large futures are boxed, except a message's: the future of every event is moved several times into Lambda's
    // runtime, and is as large as its largest part.
    async fn respond_to(
        &self,
        json: &str,
        invocation: InvocationContext<'_>,
        mut scope: EventScope,
        opened: &OpenedConnections,
    ) -> Result<LambdaResponse, BoxError> {
        let event = Invocation::read(json, invocation)?;
        let span = match event.context() {
            Some(context) => about(context, context.route_key(), invocation),
            None => error_span!(
                "outside",
                requestId = invocation.request_id,
                xrayTraceId = invocation.trace_id
            ),
        };
        let invocation = match event.is_awaited() {
            true => invocation.awaited(),
            false => invocation,
        };
        scope.deadline = invocation.deadline;
        scope.reserve = invocation.reserve;
        let trace = EventTrace::new(invocation.trace_id, matches!(event, Invocation::Task(_)));
        #[cfg(feature = "otel")]
        let event_span = self.begin_span(&event, invocation);
        let work = async {
            let response = match event {
                Invocation::Message(context, data) => Ok(self.message(context, data, &scope).await),
                Invocation::Connect(context, data) => {
                    Ok(Box::pin(self.connect(context, data, &scope, opened)).await)
                }
                Invocation::Disconnect(context, data) => {
                    Ok(Box::pin(self.disconnect(context, data, &scope)).await)
                }
                Invocation::Authorize(context, data) => {
                    Box::pin(self.authorize(context, data, &scope)).await
                }
                Invocation::Task(json) => Box::pin(self.task(json, invocation, &scope)).await,
                Invocation::Publish(json) => Box::pin(self.publish(json, &scope)).await,
                Invocation::Records(source, records) => {
                    let json = invocation.json(json);
                    Box::pin(self.records(source, records, json, invocation, &scope)).await
                }
                Invocation::Trigger(None, _) if self.is_admin(json) => {
                    Box::pin(self.admin(json, &scope)).await
                }
                Invocation::Trigger(source, _) if self.router.handles(source) => {
                    let json = invocation.json(json);
                    Box::pin(self.trigger(source, json, invocation, &scope)).await
                }
                Invocation::Trigger(source, cause) => Err(Self::unhandled(source, cause, json)),
                Invocation::Http(origin) => {
                    Box::pin(self.http(origin, json, invocation, &scope)).await
                }
            };
            scope.effects.settle(SETTLE).await;
            if self.backend.presences().has_changes() {
                Box::pin(self.settle_presences(&scope)).await;
            }
            response
        };
        let work = trace.scope(work.instrument(span));
        #[cfg(feature = "otel")]
        let work = EventSpan::run(event_span.as_ref(), work);
        let response = work.await;
        #[cfg(feature = "otel")]
        self.end_span(event_span, &response, invocation).await;
        response
    }

    /// Calls the handler of an event, and logs why it failed.
    async fn handle(
        &self,
        context: Context,
        data: EventData,
        sender: Sender,
        record_cache: RecordCache,
    ) -> Response {
        let event = event(context, data, sender, record_cache);
        let response = self.respond(event).await;
        log(&response);
        response
    }

    async fn respond(&self, event: AnyEvent) -> Response {
        let Some(layered) = &self.layered else {
            return self.router.respond(event).await;
        };
        let response = layered.clone().oneshot(event).await;
        response.unwrap_or_else(|error| IntoResponse::<Message>::into_response(Error::from(error)))
    }
}

fn event(context: Context, data: EventData, sender: Sender, record_cache: RecordCache) -> AnyEvent {
    Event {
        data,
        extensions: Extensions::new(),
        context,
        sender,
        record_cache,
    }
}

/// The span with the fields of all log lines of an event. It has the highest level, so that the fields also appear
/// where only warnings are logged.
fn about(context: &Context, route: &str, invocation: InvocationContext<'_>) -> Span {
    error_span!(
        "event",
        route,
        connection = %context.connection_id(),
        request = context.request_id(),
        requestId = invocation.request_id,
        xrayTraceId = invocation.trace_id,
    )
}

fn log(response: &Response) {
    match response.error() {
        // Only at debug level: the text may repeat client input, and the client already received it.
        Some(error) if error.is_client() => {
            let cause = error.source().map(tracing::field::display);
            debug!(code = error.code(), error = cause, "the client is rejected");
        }
        Some(error) => error!(?error, "the handler failed"),
        None => {}
    }
}
