//! What the function asked itself to do.

use super::late::Late;
use super::{Dispatcher, InvocationContext, about, event, log};
use crate::app::backend::Particulars;
use crate::app::lambda_response::LambdaResponse;
use crate::app::lease::{Lease, LeaseOutcome};
use crate::connection::RecordCache;
use crate::context::Context;
use crate::error::BoxError;
use crate::error::SendError;
use crate::event::{AnyEvent, Opened};
use crate::id::new_id;
use crate::metrics::Metric;
use crate::payload::Payload;
use crate::response::{Body, Response};
use crate::sender::{Cleanup, Sender};
use crate::task::{Send, Task, TaskError};
use serde::Serialize;
use std::error::Error;
use tower_service::Service;
use tracing::{Instrument, debug, error, error_span, info, warn};

/// The answer to a task: nobody reads it but whoever invokes one by hand.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Done,
    /// It was done before.
    Known,
}

impl<S> Dispatcher<S>
where
    S: Service<AnyEvent, Response = Response> + Clone,
    S::Error: Into<BoxError>,
{
    pub(super) async fn task(
        &self,
        task: Task,
        occasion: InvocationContext<'_>,
        cleanup: Cleanup,
    ) -> Result<LambdaResponse, BoxError> {
        let span = error_span!("task", id = task.id, hop = task.hop);
        self.count(Metric::TasksBegun);
        let work = async {
            match (task.opened, task.send, task.sweep) {
                (Some(context), None, None) => {
                    let about = about(&context, Opened::ROUTE, occasion);
                    let opened = self.opened(context, occasion, cleanup, true);
                    opened.instrument(about).await
                }
                (None, Some(send), None) => {
                    let parent = (task.id, task.hop);
                    self.send_part(parent, send, occasion, cleanup).await
                }
                (None, None, Some(sweep)) => {
                    let parent = (task.id, task.hop);
                    self.sweep(parent, sweep, occasion, &cleanup).await?;
                    LambdaResponse::json(&Outcome::Done)
                }
                _ => {
                    let error = "expected one of `opened`, `send` and `sweep`";
                    Err(TaskError::Invalid(error.into()).into())
                }
            }
        };
        let done = work.instrument(span).await;
        if let Err(error) = &done
            && !matches!(error.downcast_ref(), Some(TaskError::Running))
        {
            self.count(Metric::TasksFailed);
        }
        done
    }

    /// Has something done once a connection is open.
    pub(super) async fn queue_opened(&self, context: Context) {
        let task = Task::opened(new_id(), context.clone());
        let queued = match self.backend.tasks() {
            Some(tasks) => tasks.queue(task.event()).await,
            None => Err("this function cannot invoke itself here".into()),
        };
        if let Err(error) = queued {
            warn!(
                error = &*error,
                "no task follows the opening of a connection: it is followed up with the next event here"
            );
            self.late().push(Late::new(context));
        }
    }

    /// Calls the handler of a connection that has been opened, if it still is there. `greets` says whether the
    /// connection may still be opening.
    pub(super) async fn opened(
        &self,
        context: Context,
        occasion: InvocationContext<'_>,
        cleanup: Cleanup,
        greets: bool,
    ) -> Result<LambdaResponse, BoxError> {
        let particulars = Particulars {
            alive: Some(context.connection_id().clone()),
            greets,
            deadline: occasion.deadline,
            ..Particulars::default()
        };
        let sender = self.backend.sender_for(&context, cleanup, particulars);
        let known = RecordCache::default();
        let (id, at) = (context.connection_id().clone(), context.connected_at());
        let record = known.record(&sender, &id, at).await?;
        if record.is_none_or(|record| record.gone) {
            debug!("the client has gone before it was greeted");
            return LambdaResponse::json(&Outcome::Known);
        }
        let event = event(context.clone(), Opened, sender.clone(), known.clone());
        let mut response = self.respond(AnyEvent::Opened(event)).await;
        match response.error() {
            Some(error) if error.is_gone() => {
                debug!("the client has gone before it was greeted");
            }
            _ => log(&response),
        }
        if let Body::Text(payload) = std::mem::take(&mut response.body) {
            greet(&sender, &id, payload).await;
        }
        if let Some(arrived) = known.arrived() {
            self.announce_joins(arrived, &context, &sender).await;
        }
        LambdaResponse::json(&Outcome::Done)
    }

    /// Sends a part of a message to many.
    async fn send_part(
        &self,
        parent: (String, u32),
        send: Send,
        occasion: InvocationContext<'_>,
        cleanup: Cleanup,
    ) -> Result<LambdaResponse, BoxError> {
        let (lease, state) = match Lease::ask(&self.backend, &parent.0).await? {
            LeaseOutcome::Given(lease, state) => (lease, state),
            LeaseOutcome::Done => return LambdaResponse::json(&Outcome::Known),
            LeaseOutcome::Taken => return Err(TaskError::Running.into()),
        };
        let particulars = Particulars {
            deadline: occasion.deadline,
            rate: Some((send.rate, send.full.unwrap_or(send.rate))),
            parent: Some(parent),
            ..Particulars::default()
        };
        let sender = self
            .backend
            .sender_at(send.api.as_deref(), cleanup, particulars)
            .ok_or_else(|| {
                TaskError::Invalid("it does not say of which API its connections are".into())
            })?;
        let handing = state.is_handing();
        let work = state.left_of(send.rest);
        let rest = match handing {
            true => Some(work),
            false => {
                let mut delivery = sender.work(work, &lease).await?;
                info!(
                    sent = delivery.sent,
                    gone = delivery.gone,
                    throttled = delivery.throttled,
                    failed = delivery.failed,
                    is_all = delivery.rest.is_none(),
                    "a part of a message to many is sent"
                );
                if let (Some(error), Some(rest)) = (delivery.unread.take(), &delivery.rest) {
                    // Lambda tries again later, when the store may answer.
                    lease.release(rest).await?;
                    return Err(SendError::Store(error).into());
                }
                delivery.rest
            }
        };
        if let Some(rest) = rest {
            // If this process ends here, the next worker hands on the same to the same task.
            lease.hand(&rest).await?;
            if let (_, Some((left, error))) = sender.hand_off(rest).await {
                let error = error.unwrap_or_else(|| "this function cannot invoke itself".into());
                error!(error = &*error, "no task goes on with a message to many");
                lease.release(&left).await?;
                return Err(TaskError::NotQueued(error).into());
            }
        }
        lease.done().await?;
        LambdaResponse::json(&Outcome::Done)
    }
}

/// Sends a client what the handler returned.
async fn greet(sender: &Sender, id: &crate::ConnectionId, payload: Payload) {
    match sender.send(id, payload).await {
        Ok(()) => {}
        Err(SendError::Gone) => debug!("the client has gone before it was greeted"),
        Err(error) => error!(error = &error as &dyn Error, "the client is not greeted"),
    }
}
