//! The `opened` handlers of new connections.

use super::task::Outcome;
use super::{Dispatcher, InvocationContext, about, event, log};
use crate::ConnectionId;
use crate::app::backend::EventScope;
use crate::app::failure::Failure;
use crate::app::lambda_response::LambdaResponse;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::effects::Effects;
use crate::error::{BoxError, SendError};
use crate::event::{EventData, Opened};
use crate::metrics::EventMetrics;
use crate::payload::Payload;
use crate::random::new_id;
use crate::response::Body;
use crate::sender::{EventOrigin, Sender};
use crate::sync::lock;
use crate::task::{Task, TaskKind};
use crate::trace::EventTrace;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use tracing::{Instrument, debug, error, warn};

/// The maximum number of `opened` handlers that run at once.
const AT_ONCE: usize = 8;

/// The maximum number of calls of a connection's `opened` handler, if the events beside it end first.
const ATTEMPTS: u32 = 3;

/// A connection without a queued task. Its `opened` handler runs beside the next event, because the connection cannot
/// receive until `$connect` returns.
#[derive(Debug)]
pub(super) struct Deferred {
    context: Context,
    attempts: u32,
}

/// The connections that an event has opened and that wait for its response to leave. Other events may run at the same
/// time, and must not call their `opened` handlers yet.
#[derive(Debug, Default)]
pub(crate) struct OpenedConnections(Mutex<Vec<Deferred>>);

/// A connection whose `opened` handler runs. It is put back if the event ends first.
struct Unfinished<'a> {
    connection: Option<Deferred>,
    deferred: &'a Mutex<Vec<Deferred>>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if connection.attempts < ATTEMPTS {
            lock(self.deferred).push(connection);
        } else {
            let id = connection.context.connection_id();
            error!(connection = %id, "the `opened` handler of a connection timed out {ATTEMPTS} times");
        }
    }
}

impl Dispatcher {
    /// The response of the event that opened these connections has left: the next event calls their `opened` handlers.
    pub(crate) fn release(&self, opened: &OpenedConnections) {
        lock(&self.deferred).append(&mut lock(&opened.0));
    }

    /// Takes the connections whose `opened` handlers run beside this event.
    pub(super) fn take_deferred(&self) -> Vec<Deferred> {
        std::mem::take(&mut *lock(&self.deferred))
    }

    /// Runs deferred `opened` handlers. The event beside them belongs to another client, so a panic must not reach it.
    pub(super) async fn run_deferred(
        &self,
        deferred: Vec<Deferred>,
        beside: InvocationContext<'_>,
        metrics: Option<&Arc<EventMetrics>>,
    ) {
        // All of them are deferred again if the event ends early, also those that have not started.
        let unfinished: Vec<_> = deferred
            .into_iter()
            .map(|connection| Unfinished {
                connection: Some(connection),
                deferred: &self.deferred,
            })
            .collect();
        let all =
            stream::iter(unfinished).for_each_concurrent(AT_ONCE, |mut unfinished| async move {
                let Some(connection) = &mut unfinished.connection else {
                    return;
                };
                connection.attempts += 1;
                let context = connection.context.clone();
                let about = about(&context, Opened::ROUTE, beside);
                // Of the event that opened the connection.
                let trace = EventTrace::new(context.trace_id(), false);
                let scope = EventScope {
                    effects: Effects::inline(),
                    deadline: beside.awaited().deadline,
                    reserve: beside.reserve,
                    metrics: metrics.cloned(),
                };
                // Its `$connect` returned before this event arrived.
                let origin = EventOrigin::Connected(context.connection_id().clone());
                let welcome = AssertUnwindSafe(self.opened(context, origin, &scope)).catch_unwind();
                let welcome = welcome.map(|welcomed| {
                    let welcomed =
                        welcomed.unwrap_or_else(|panic| Err(Failure::panic(&*panic).into()));
                    if let Err(error) = welcomed {
                        error!(error = &*error, "the `opened` handler failed");
                    }
                });
                trace.scope(welcome.instrument(about)).await;
                unfinished.connection.take();
            });
        all.await;
    }

    /// Queues the task that calls the `opened` handler once `$connect` has returned.
    pub(super) async fn queue_opened(
        &self,
        context: Context,
        scope: &EventScope,
        opened: &OpenedConnections,
    ) {
        let task = Task::new(new_id(), 1, TaskKind::Opened(context.clone()));
        let queued = match self.backend.tasks(scope) {
            Some(tasks) => task.queue(&*tasks).await,
            None => Err("self-invocation is not available".into()),
        };
        if let Err(error) = queued {
            warn!(
                error = &*error,
                "the follow-up task of `opened` could not be queued; the handler runs with the next event of this process"
            );
            let attempts = 0;
            lock(&opened.0).push(Deferred { context, attempts });
        }
    }

    /// Calls the `opened` handler of a connection that is still registered.
    pub(super) async fn opened(
        &self,
        context: Context,
        origin: EventOrigin,
        scope: &EventScope,
    ) -> Result<LambdaResponse, BoxError> {
        let sender = self.backend.sender_for(&context, scope, origin);
        let (id, at) = (context.connection_id(), context.connected_at());
        let record_cache = RecordCache::default();
        let record = record_cache.read(&sender, id, at).await?;
        if record.is_none_or(|record| record.gone) {
            debug!("the client disconnected before its `opened` handler ran");
            return LambdaResponse::json(&Outcome::Known);
        }
        let data = EventData::Opened(Opened);
        let event = event(context.clone(), data, sender.clone(), record_cache);
        let mut response = self.respond(event).await;
        match response.error() {
            Some(error) if error.is_gone() => {
                debug!("the client disconnected before its `opened` handler ran");
            }
            _ => log(&response),
        }
        if let Body::Text(payload) = std::mem::take(&mut response.body) {
            welcome(&sender, id, payload).await;
        }
        if let Some(joins) = scope.effects.take_joins() {
            self.announce_joins(joins, &context, &sender).await;
        }
        LambdaResponse::json(&Outcome::Done)
    }
}

/// Sends the response of the `opened` handler to the client.
async fn welcome(sender: &Sender, id: &ConnectionId, payload: Payload) {
    match sender.send(id, payload).await {
        Ok(()) => {}
        Err(SendError::Gone) => debug!("the client disconnected before the response was sent"),
        Err(error) => error!(
            error = &error as &dyn Error,
            "the response of the `opened` handler could not be sent"
        ),
    }
}
