//! Connections that have been opened without a task that follows.

use super::{Dispatcher, InvocationContext, about};
use crate::app::failure::Failure;
use crate::context::Context;
use crate::event::Opened;
use crate::sender::Cleanup;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::{Instrument, error};

/// How many connections are followed up at once.
const AT_ONCE: usize = 8;

/// How often the follow-up of a connection is begun, if the events beside it end before it does.
const ATTEMPTS: u32 = 3;

/// A connection that has been opened, and that no task was queued for.
#[derive(Debug)]
pub(super) struct Late {
    context: Context,
    attempts: u32,
}

impl Late {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            attempts: 0,
        }
    }
}

/// A connection that is being followed up. It is put back if the event ends first.
struct Unfinished<'a> {
    connection: Option<Late>,
    late: &'a Mutex<Vec<Late>>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if connection.attempts < ATTEMPTS {
            lock(self.late).push(connection);
        } else {
            let id = connection.context.connection_id();
            error!(connection = %id, "a new client is not greeted: its handler takes too long");
        }
    }
}

fn lock(late: &Mutex<Vec<Late>>) -> MutexGuard<'_, Vec<Late>> {
    late.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Dispatcher {
    pub(super) fn late(&self) -> MutexGuard<'_, Vec<Late>> {
        lock(&self.late)
    }

    /// Follows up the connections that no task was queued for. Their `$connect` has returned since. The event beside
    /// it is another client's, so a panic ends here.
    pub(super) async fn follow_up(&self, late: Vec<Late>, beside: InvocationContext<'_>) {
        // All are put back if this ends early, also those that are not begun.
        let late: Vec<_> = late
            .into_iter()
            .map(|connection| Unfinished {
                connection: Some(connection),
                late: &self.late,
            })
            .collect();
        let late = stream::iter(late);
        let all = late.for_each_concurrent(AT_ONCE, |mut unfinished| async move {
            let Some(connection) = &mut unfinished.connection else {
                return;
            };
            connection.attempts += 1;
            let context = connection.context.clone();
            let about = about(&context, Opened::ROUTE, beside);
            // Its `$connect` has returned before this event came.
            let greeting = self.opened(context, beside.awaited(), Cleanup::awaited(), false);
            let greeting = AssertUnwindSafe(greeting).catch_unwind().map(|greeted| {
                let greeted = greeted.unwrap_or_else(|panic| Err(Failure::panic(&*panic).into()));
                if let Err(error) = greeted {
                    error!(error = &*error, "a new client is not greeted");
                }
            });
            greeting.instrument(about).await;
            unfinished.connection.take();
        });
        all.await;
    }
}
