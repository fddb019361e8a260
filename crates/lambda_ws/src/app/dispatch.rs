//! From an event's JSON to the response's.

mod authorize;
mod connect;
mod disconnect;
mod invocation;
mod message;
mod opened;
mod presence;
mod publish;
mod records;
#[cfg(feature = "otel")]
mod spans;
mod sweep;
mod task;

use super::backend::{Backend, EventScope};
use super::failure::Failure;
use super::lambda_response::LambdaResponse;
use crate::Timestamp;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::effects::Effects;
use crate::error::{BoxError, Error};
use crate::event::{AnyEvent, Event, EventData, Message};
use crate::metrics::Metric;
#[cfg(feature = "otel")]
use crate::otel::EventSpan;
use crate::response::{IntoResponse, Response};
use crate::router::{Router, RouterService};
use crate::sender::Sender;
use crate::trace::EventTrace;
use futures_util::future::{self, Either};
use http::Extensions;
use invocation::Invocation;
use lambda_runtime::tower::ServiceExt;
use opened::Deferred;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span, debug, error, error_span};

/// How long an event waits for its clean-up.
const SETTLE: Duration = Duration::from_secs(1);

/// How long `$connect` and messages may send to many: API Gateway gives up at 29 s (conformance E5).
const DEADLINE: Duration = Duration::from_secs(25);

/// When an event was given to the program, and as which invocation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InvocationContext<'a> {
    /// When its response must be there.
    pub(crate) deadline: Option<Instant>,
    /// The invocation's id, as Lambda's own log lines have it.
    pub(crate) request_id: Option<&'a str>,
    /// The trace of X-Ray that it is a part of.
    pub(crate) trace_id: Option<&'a str>,
}

impl<'a> InvocationContext<'a> {
    /// That of an invocation, which Lambda ends at `deadline`, in milliseconds since 1970. One that has passed already
    /// is none: `cargo lambda watch` tells how many milliseconds there are instead of until when.
    pub(crate) fn of(
        deadline: u64,
        request_id: Option<&'a str>,
        trace_id: Option<&'a str>,
    ) -> Self {
        let (deadline, now) = (Timestamp::from_millis(deadline), Timestamp::now());
        let left = deadline - now;
        // Time to hand on what is left, and to answer.
        let left = left.saturating_sub(RESERVE.min(left / 8));
        Self {
            deadline: (deadline > now).then(|| Instant::now() + left),
            request_id,
            trace_id,
        }
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

/// How long before Lambda ends an invocation the last message is sent.
const RESERVE: Duration = Duration::from_secs(2);

/// Serves events with a router.
pub(crate) struct Dispatcher {
    router: Arc<Router>,
    /// The router in its layers, if it has any.
    layered: Option<RouterService>,
    backend: Backend,
    /// Connections whose `opened` handlers run beside the next event.
    deferred: Mutex<Vec<Deferred>>,
    #[cfg(feature = "otel")]
    otel: Option<crate::otel::Otel>,
}

impl Dispatcher {
    pub(crate) fn new(router: Router, backend: Backend) -> Self {
        let router = Arc::new(router);
        Self {
            layered: router.layered(),
            backend: backend.hosted(router.presence_hooks()),
            router,
            deferred: Mutex::default(),
            #[cfg(feature = "otel")]
            otel: None,
        }
    }

    /// The same with traces of its events.
    #[cfg(feature = "otel")]
    pub(crate) fn traced(self, otel: Option<crate::otel::Otel>) -> Self {
        Self { otel, ..self }
    }

    #[cfg(test)]
    pub(crate) fn metrics(&self) -> Option<Arc<crate::metrics::Metrics>> {
        self.backend.metrics().cloned()
    }

    /// The response to an event. It is an error only if the event is none that is known, or one that is
    /// answered with a failure: an authorizer's, or one of no API.
    pub(crate) async fn call(
        &self,
        json: &str,
        invocation: InvocationContext<'_>,
    ) -> Result<LambdaResponse, Failure> {
        let metrics = self.backend.metrics();
        // Written before Lambda has the response, and freezes the program.
        let _line = metrics.map(|metrics| metrics.line(self.backend.clock()));
        let deferred = self.take_deferred();
        let response = self.respond_to(json, invocation);
        if deferred.is_empty() {
            return response.await.map_err(Failure::from);
        }
        let deferred = Box::pin(self.run_deferred(deferred, invocation));
        let response = match future::select(Box::pin(response), deferred).await {
            Either::Left((response, deferred)) => {
                // Unfinished ones are put back.
                let _ = timeout(SETTLE, deferred).await;
                response
            }
            Either::Right(((), response)) => response.await,
        };
        response.map_err(Failure::from)
    }

    // Large futures are boxed, except that of a message: the future of every event is moved several times on its way
    // into Lambda's runtime, and is as large as the largest of them.
    async fn respond_to(
        &self,
        json: &str,
        invocation: InvocationContext<'_>,
    ) -> Result<LambdaResponse, BoxError> {
        let event = Invocation::read(json, invocation.trace_id)?;
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
        let trace = EventTrace::new(invocation.trace_id, matches!(event, Invocation::Task(_)));
        #[cfg(feature = "otel")]
        let event_span = self.begin_span(&event, invocation);
        let scope = EventScope {
            effects: Effects::spawned(),
            deadline: invocation.deadline,
        };
        let work = async {
            let response = match event {
                Invocation::Message(context, data) => Ok(self.message(context, data, &scope).await),
                Invocation::Connect(context, data) => {
                    Ok(Box::pin(self.connect(context, data, &scope)).await)
                }
                Invocation::Disconnect(context, data) => {
                    Ok(Box::pin(self.disconnect(context, data, &scope)).await)
                }
                Invocation::Authorize(context, data) => {
                    Box::pin(self.authorize(context, data, &scope)).await
                }
                Invocation::Task(json) => Box::pin(self.task(json, invocation, &scope)).await,
                Invocation::Publish(json) => Box::pin(self.publish(json, &scope)).await,
                Invocation::Records(records) => {
                    Box::pin(self.publish_records(records, &scope)).await
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

    fn count(&self, metric: Metric) {
        if let Some(metrics) = self.backend.metrics() {
            metrics.count(metric);
        }
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

    /// Calls the handler of an event, within the layers.
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

/// What all lines of an event say. Of the highest level, so that a warning says it where no more than
/// warnings are logged.
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

/// Logs why a handler failed, once.
fn log(response: &Response) {
    match response.error() {
        // Its text may repeat what the client sent, which has been told it.
        Some(error) if error.is_client() => {
            let cause = error.source().map(tracing::field::display);
            debug!(code = error.code(), error = cause, "the client is refused");
        }
        Some(error) => error!(?error, "the handler failed"),
        None => {}
    }
}
