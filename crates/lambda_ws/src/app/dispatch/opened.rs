//! Connections that have been opened.

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
use crate::id::new_id;
use crate::payload::Payload;
use crate::response::Body;
use crate::sender::{EventOrigin, Sender};
use crate::sync::lock;
use crate::task::{Task, TaskKind};
use crate::trace::EventTrace;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use tracing::{Instrument, debug, error, warn};

/// How many `opened` handlers run at once.
const AT_ONCE: usize = 8;

/// How often the `opened` handler of a connection is called, if the events beside it end first.
const ATTEMPTS: u32 = 3;

/// A connection that has been opened, and for which no task was queued. Its `opened` handler runs beside the next
/// event: until `$connect` returns, the connection cannot receive.
#[derive(Debug)]
pub(super) struct Deferred {
    context: Context,
    attempts: u32,
}

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
            error!(connection = %id, "a new client is not greeted: its handler takes too long");
        }
    }
}

impl Dispatcher {
    /// Takes the connections whose `opened` handlers run beside this event.
    pub(super) fn take_deferred(&self) -> Vec<Deferred> {
        std::mem::take(&mut *lock(&self.deferred))
    }

    /// Runs the `opened` handlers of deferred connections. The event beside them is another client's, so a panic
    /// ends here.
    pub(super) async fn run_deferred(
        &self,
        deferred: Vec<Deferred>,
        beside: InvocationContext<'_>,
    ) {
        // All are put back if this ends early, also those that have not begun.
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
                };
                // Its `$connect` has returned before this event came.
                let origin = EventOrigin::Connected(context.connection_id().clone());
                let welcome = AssertUnwindSafe(self.opened(context, origin, &scope)).catch_unwind();
                let welcome = welcome.map(|welcomed| {
                    let welcomed =
                        welcomed.unwrap_or_else(|panic| Err(Failure::panic(&*panic).into()));
                    if let Err(error) = welcomed {
                        error!(error = &*error, "a new client is not greeted");
                    }
                });
                trace.scope(welcome.instrument(about)).await;
                unfinished.connection.take();
            });
        all.await;
    }

    /// Queues the task that calls the `opened` handler once `$connect` has returned.
    pub(super) async fn queue_opened(&self, context: Context) {
        let task = Task::new(new_id(), 1, TaskKind::Opened(context.clone()));
        let queued = match self.backend.tasks() {
            Some(tasks) => task.queue(tasks).await,
            None => Err("this function cannot invoke itself here".into()),
        };
        if let Err(error) = queued {
            warn!(
                error = &*error,
                "no task follows the opening of a connection: it is followed up with the next event here"
            );
            let attempts = 0;
            lock(&self.deferred).push(Deferred { context, attempts });
        }
    }

    /// Calls the `opened` handler of a connection, if it is still registered.
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
            debug!("the client has gone before it was greeted");
            return LambdaResponse::json(&Outcome::Known);
        }
        let data = EventData::Opened(Opened);
        let event = event(context.clone(), data, sender.clone(), record_cache);
        let mut response = self.respond(event).await;
        match response.error() {
            Some(error) if error.is_gone() => {
                debug!("the client has gone before it was greeted");
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

/// Sends what the `opened` handler returned to the client.
async fn welcome(sender: &Sender, id: &ConnectionId, payload: Payload) {
    match sender.send(id, payload).await {
        Ok(()) => {}
        Err(SendError::Gone) => debug!("the client has gone before it was greeted"),
        Err(error) => error!(error = &error as &dyn Error, "the client is not greeted"),
    }
}
