//! Follow-up tasks of the function itself.

use super::{Dispatcher, InvocationContext, about};
use crate::app::backend::{EventScope, TaskShare};
use crate::app::lambda_response::LambdaResponse;
use crate::app::lease::{Lease, LeaseOutcome};
use crate::app::rate_share::RateShare;
use crate::error::{BoxError, SendError};
use crate::event::Opened;
use crate::metrics::Metric;
#[cfg(feature = "otel")]
use crate::otel::EventSpan;
use crate::sender::{EventOrigin, ParentTask};
use crate::task::{Send, Task, TaskError, TaskKind};
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::{Instrument, error, error_span, info};

/// The response to a task. It helps a developer who invokes a task by hand.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Done,
    /// The task is already done, or its connection has ended.
    Known,
}

impl Dispatcher {
    pub(super) async fn task(
        &self,
        json: &RawValue,
        invocation: InvocationContext<'_>,
        scope: &EventScope,
    ) -> Result<LambdaResponse, BoxError> {
        scope.count(Metric::TasksBegun);
        let done = self.run_task(json, invocation, scope).await;
        if let Err(error) = &done
            && !matches!(error.downcast_ref(), Some(TaskError::Running))
        {
            scope.count(Metric::TasksFailed);
        }
        done
    }

    async fn run_task(
        &self,
        json: &RawValue,
        invocation: InvocationContext<'_>,
        scope: &EventScope,
    ) -> Result<LambdaResponse, BoxError> {
        let task = Task::read(json.get())?;
        #[cfg(feature = "otel")]
        let task_span = self.begin_task_span(&task, invocation);
        let Task { id, hop, kind, .. } = task;
        let span = error_span!("task", id, hop);
        let work = async {
            match kind {
                TaskKind::Opened(context) => {
                    let about = about(&context, Opened::ROUTE, invocation);
                    let origin = EventOrigin::Opened(context.connection_id().clone());
                    let opened = self.opened(context, origin, scope);
                    opened.instrument(about).await
                }
                TaskKind::Send(send) => self.send_part((id, hop), *send, scope).await,
                TaskKind::Sweep(sweep) => {
                    self.sweep((id, hop), sweep, scope).await?;
                    LambdaResponse::json(&Outcome::Done)
                }
            }
        };
        let work = work.instrument(span);
        #[cfg(feature = "otel")]
        let work = EventSpan::run(task_span.as_ref(), work);
        let response = work.await;
        #[cfg(feature = "otel")]
        self.end_span(task_span, &response, invocation).await;
        response
    }

    async fn send_part(
        &self,
        parent: (String, u32),
        send: Send,
        scope: &EventScope,
    ) -> Result<LambdaResponse, BoxError> {
        let (id, hop) = parent;
        let (lease, state) = match Lease::acquire(&self.backend, &id).await? {
            LeaseOutcome::Acquired(lease, state) => (lease, state),
            LeaseOutcome::Done => return LambdaResponse::json(&Outcome::Known),
            LeaseOutcome::Taken => return Err(TaskError::Running.into()),
        };
        let full = send.full.unwrap_or(send.rate);
        let registration = send
            .total
            .map(|total| RateShare::new(&self.backend, &id, full, total));
        let share = TaskShare {
            task: ParentTask {
                id,
                hop,
                total: send.total,
            },
            rate: send.rate,
            full_rate: full,
        };
        let sender = self
            .backend
            .sender_at(send.api.as_deref(), scope, Some(share))
            .ok_or_else(|| {
                TaskError::Invalid(
                    "the API of its connections is missing: expected <apiId>/<stage>".into(),
                )
            })?;
        let handing = state.is_handing();
        let work = state.left_of(send.rest);
        let rest = match handing {
            true => Some(work),
            false => {
                let work = sender.work(work, &lease);
                let mut delivery = match &registration {
                    Some(registration) => registration.during(&sender, work).await?,
                    None => work.await?,
                };
                info!(
                    sent = delivery.sent,
                    gone = delivery.gone,
                    throttled = delivery.throttled,
                    failed = delivery.failed,
                    is_all = delivery.rest.is_none(),
                    "a part of a broadcast is sent"
                );
                if let (Some(error), Some(rest)) = (delivery.unread.take(), &delivery.rest) {
                    // Lambda retries the task later, when the store may respond again.
                    lease.release(rest).await?;
                    return Err(SendError::Store(error).into());
                }
                delivery.rest
            }
        };
        let is_last = rest.is_none();
        if let Some(rest) = rest {
            // If this process ends here, a retry queues the same follow-up task.
            lease.hand(&rest).await?;
            if let (_, Some((left, error))) = sender.hand_off(rest).await {
                let error = error.unwrap_or_else(|| "self-invocation is not available".into());
                error!(
                    error = &*error,
                    "the follow-up task of a broadcast could not be queued"
                );
                lease.release(&left).await?;
                return Err(TaskError::NotQueued(error).into());
            }
        }
        lease.done().await?;
        if let Some(registration) = registration.filter(|_| is_last) {
            registration.end().await;
        }
        LambdaResponse::json(&Outcome::Done)
    }
}
