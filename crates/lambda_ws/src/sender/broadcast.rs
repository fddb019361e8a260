//! Broadcasts.

mod early;
mod forecast;
mod hand_off;
mod progress;
mod reader;
mod run;
#[cfg(feature = "otel")]
mod span;

pub(super) use early::EarlyRead;
pub(crate) use hand_off::{ParentTask, SEND_TASKS, TaskHandOff};
pub(super) use reader::chunks;
pub(crate) use run::Checkpoint;
pub(super) use run::{Broadcast, RunOptions};

use super::{Delivery, Sender};
use crate::error::{BoxError, SendError};
use crate::metrics::Metric;
use crate::task::Remaining;
use futures_util::future::{self, Either};
use std::pin::pin;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{error, warn};

/// Whether a broadcast continues an earlier one. Only then the caller owns the remaining recipients.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Resumed {
    Yes,
    No,
}

/// The shortest time for another run.
const LATE: Duration = Duration::from_secs(1);

impl Sender {
    /// Continues a broadcast with its remaining recipients.
    ///
    /// # Errors
    ///
    /// As [`Audience::send`](crate::Audience::send), without [`SendError::Store`]: recipients that cannot be read are
    /// in the new delivery's `rest`, so none are lost.
    pub async fn resume(&self, rest: Remaining) -> Result<Delivery, SendError> {
        self.deliver(rest, Resumed::Yes, None).await
    }

    /// Runs a broadcast until the deadline. Follow-up tasks continue it. `early` reads members that receive the message
    /// before the others are read.
    pub(super) async fn deliver(
        &self,
        work: Remaining,
        resumed: Resumed,
        early: Option<EarlyRead>,
    ) -> Result<Delivery, SendError> {
        #[cfg(feature = "otel")]
        let span = span::BroadcastSpan::begin(&work);
        let is_message = work.is_message();
        // In a box, because each future around it would contain its 12 KB, or twice that.
        let delivering = Box::pin(self.deliver_all(work, resumed, early));
        let delivering = self.counted(is_message, delivering);
        #[cfg(feature = "otel")]
        let delivering = span.run(delivering);
        delivering.await
    }

    /// Runs a broadcast and adds a message to the metrics.
    async fn counted(
        &self,
        is_message: bool,
        work: impl Future<Output = Result<Delivery, SendError>>,
    ) -> Result<Delivery, SendError> {
        let Some(metrics) = self.metrics().filter(|_| is_message) else {
            return work.await;
        };
        let began = Instant::now();
        let delivery = work.await;
        match &delivery {
            Ok(delivery) => {
                for (metric, count) in [
                    (Metric::Sent, delivery.sent),
                    (Metric::Gone, delivery.gone),
                    (Metric::Throttled, delivery.throttled),
                    (Metric::Failed, delivery.failed),
                ] {
                    metrics.add(metric, count as u64);
                }
                metrics.value(Metric::Audience, delivery.audience() as f64);
                metrics.time(Metric::BroadcastTime, began.elapsed());
            }
            Err(_) => metrics.count(Metric::Failed),
        }
        delivery
    }

    async fn deliver_all(
        &self,
        mut work: Remaining,
        resumed: Resumed,
        mut early: Option<EarlyRead>,
    ) -> Result<Delivery, SendError> {
        let mut delivery = Delivery::default();
        let mut options = RunOptions {
            deadline: self.0.deadline,
            stop_early: self.0.hand_off.is_some(),
            checkpoint: None,
        };
        loop {
            let broadcast = Broadcast::new(self, work).with_early(early.take());
            delivery.add(broadcast.run(options).await?);
            let unread = delivery.unread.take();
            let is_unread = unread.is_some();
            if let Some(error) = unread {
                if resumed == Resumed::No && delivery.audience() == 0 {
                    return Err(SendError::Store(error));
                }
                warn!(
                    error = &error as &dyn std::error::Error,
                    "some recipients of a broadcast cannot be read"
                );
            }
            let Some(rest) = delivery.rest.take() else {
                return Ok(delivery);
            };
            let (tasks, left) = self.hand_off(rest).await;
            delivery.tasks += tasks;
            let Some((left, error)) = left else {
                return Ok(delivery);
            };
            let ends = is_unread || !options.stop_early || self.is_late();
            match &error {
                Some(error) if ends => error!(
                    error = &**error as &dyn std::error::Error,
                    "the follow-up task of a broadcast could not be queued: only the `rest` of its `Delivery` has the \
                     recipients without the message"
                ),
                Some(error) => warn!(
                    error = &**error as &dyn std::error::Error,
                    "the follow-up task of a broadcast could not be queued; the event continues it until its deadline"
                ),
                None => {}
            }
            if ends {
                delivery.rest = Some(left);
                return Ok(delivery);
            }
            options.stop_early = false;
            work = left;
        }
    }

    /// Sets the share of the full rate that other broadcasts leave, from 0 to 1.
    pub(crate) fn share_rate(&self, share: f64) {
        self.0.rate_limiter.share(share, Instant::now());
    }

    /// Runs a task's part of a broadcast until the task's deadline.
    pub(crate) async fn work(
        &self,
        work: Remaining,
        checkpoint: &dyn Checkpoint,
    ) -> Result<Delivery, SendError> {
        let options = RunOptions {
            deadline: self.0.deadline,
            stop_early: false,
            checkpoint: Some(checkpoint),
        };
        #[cfg(feature = "otel")]
        let span = span::BroadcastSpan::begin(&work);
        let is_message = work.is_message();
        let forecast = work.clone();
        let broadcast = Broadcast::new(self, work).run(options);
        // In a box, as in `deliver`.
        let broadcast = Box::pin(async {
            let forecast = self.forecast(&forecast);
            match future::select(pin!(broadcast), pin!(forecast)).await {
                Either::Left((delivery, _)) => delivery,
                Either::Right(((), broadcast)) => broadcast.await,
            }
        });
        let broadcast = self.counted(is_message, broadcast);
        #[cfg(feature = "otel")]
        let broadcast = span.run(broadcast);
        broadcast.await
    }

    /// Queues tasks for the remaining recipients. Returns the number of tasks, and the recipients without a task with
    /// the reason.
    pub(crate) async fn hand_off(
        &self,
        rest: Remaining,
    ) -> (usize, Option<(Remaining, Option<BoxError>)>) {
        let Some(hand_off) = &self.0.hand_off else {
            return (0, Some((rest, None)));
        };
        let (rate, full) = (self.0.rate_limiter.rate(), self.0.rate_limiter.full());
        let handed = hand_off.hand_off(rest, self.0.api.as_deref(), rate, full);
        let (tasks, left) = handed.await;
        (tasks, left.map(|(rest, error)| (rest, Some(error))))
    }

    fn is_late(&self) -> bool {
        self.0
            .deadline
            .is_some_and(|end| Instant::now() + LATE >= end)
    }
}
