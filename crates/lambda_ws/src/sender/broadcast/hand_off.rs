//! The follow-up tasks of a broadcast.

use crate::error::BoxError;
use crate::random::new_id;
use crate::task::Remaining;
use crate::task::{MOST_HOPS, Send, Task, TaskKind, Tasks};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The default number of tasks that share a broadcast (`SEND_TASKS`).
pub(crate) const SEND_TASKS: usize = 4;

/// The timeout of all attempts to queue a task. The event sends nothing in this time.
const QUEUED: Duration = Duration::from_secs(5);

/// Queues tasks for recipients that an event or another task could not reach in its time.
#[derive(Clone)]
pub(crate) struct TaskHandOff {
    pub(crate) tasks: Arc<dyn Tasks>,
    pub(crate) width: usize,
    pub(crate) parent: Option<ParentTask>,
    /// The time when the tasks must be queued, so that the event can still report those that are not. It is after the
    /// deadline of the broadcast.
    pub(crate) until: Option<Instant>,
}

/// The task that queues its next one.
#[derive(Debug, Clone)]
pub(crate) struct ParentTask {
    pub(crate) id: String,
    /// The number of tasks in a row, including this one.
    pub(crate) hop: u32,
    /// The full rate that all broadcasts share.
    pub(crate) total: Option<u32>,
}

impl TaskHandOff {
    /// Queues tasks, each with its share of the current and of the full rate. Returns the number of tasks, and the
    /// recipients without a task.
    pub(super) async fn hand_off(
        &self,
        rest: Remaining,
        api: Option<&str>,
        rate: f64,
        full: f64,
    ) -> (usize, Option<(Remaining, BoxError)>) {
        // A task has one follow-up task, because it is already a part of a broadcast.
        let (id, hop, width) = match &self.parent {
            Some(ParentTask { hop, .. }) if *hop >= MOST_HOPS => {
                let error = format!("{MOST_HOPS} tasks in a row did not reach all recipients");
                return (0, Some((rest, error.into())));
            }
            Some(ParentTask { id, hop, .. }) => (format!("{id}+"), hop + 1, 1),
            None => (new_id(), 1, self.width),
        };
        let total = match &self.parent {
            Some(parent) => parent.total,
            None => Some(full as u32),
        };
        let parts = rest.split(width);
        let count = parts.len() as f64;
        let share = |rate: f64| (rate / count).max(1.0) as u32;
        let time = self
            .until
            .map(|until| until.saturating_duration_since(Instant::now()));
        let most = time.map_or(QUEUED, |time| time.min(QUEUED));
        let tasks = parts.into_iter().enumerate().map(|(number, part)| {
            let id = match self.parent {
                Some(_) => id.clone(),
                None => format!("{id}-{number}"),
            };
            let send = Send {
                api: api.map(str::to_owned),
                rate: share(rate),
                full: Some(share(full)),
                total,
                rest: part,
            };
            Task::new(id, hop, TaskKind::Send(Box::new(send)))
        });
        let tasks = tasks.map(async |task| {
            let queued = timeout(most, task.queue(&*self.tasks)).await;
            let late = |_| Err(format!("Lambda did not accept it within {most:?}").into());
            (task, queued.unwrap_or_else(late))
        });
        let mut queued = 0;
        let mut left: Option<(Remaining, BoxError)> = None;
        for (task, outcome) in join_all(tasks).await {
            let Err(error) = outcome else {
                queued += 1;
                continue;
            };
            let TaskKind::Send(send) = task.kind else {
                unreachable!("the task was made for a part of a broadcast");
            };
            let part = send.rest;
            left = Some(match left {
                Some((mut rest, first)) => {
                    rest.add(part);
                    (rest, first)
                }
                None => (part, error),
            });
        }
        (queued, left)
    }
}
