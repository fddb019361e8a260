//! What a function does outside of the event that asked for it: it invokes itself.

mod remaining;

pub(crate) use remaining::Range;
pub use remaining::Remaining;

use crate::Timestamp;
use crate::context::Context;
use crate::error::BoxError;
use crate::presence::Shard;
use crate::trace;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// The form of tasks. A function that finds another one is of another version, and says so.
const FORM: u32 = 3;

/// The most tasks in a chain. Lambda ends a chain of self-invocations after about 16 invocations (its recursive loop
/// detection), and the event that queues the first task is one of them.
pub(crate) const MOST_HOPS: u32 = 14;

/// Why a task is not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    /// It is not a task.
    #[error("the task is not valid")]
    Invalid(#[source] BoxError),
    /// Nothing has failed: another invocation does it.
    #[error("another worker does this task: Lambda asks again whether it has")]
    Running,
    /// Another invocation took this one for dead.
    #[error("another worker has taken over this task")]
    TakenOver,
    /// No task goes on with what is left.
    #[error("no task goes on with a message to many")]
    NotQueued(#[source] BoxError),
}

/// What a function asks itself to do: the event that it is invoked with is `{"lambdaWsTask": ..}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Task {
    form: u32,
    /// The same for the same work, however often it is delivered.
    pub(crate) id: String,
    /// How many tasks there were in a row, with this one.
    pub(crate) hop: u32,
    /// The OpenTelemetry span that queued it, if that is sampled.
    #[cfg(feature = "otel")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) traceparent: Option<String>,
    pub(crate) kind: TaskKind,
}

/// The work of a task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TaskKind {
    /// Calls the `opened` handler of a connection.
    Opened(Context),
    /// Sends a part of a broadcast.
    Send(Send),
    /// Announces joins or departures.
    Sweep(Sweep),
}

/// The announcement of joins or departures that wait in a shard.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sweep {
    pub(crate) shard: Shard,
    /// When the first of them are due.
    pub(crate) due: Timestamp,
}

/// A part of a broadcast.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Send {
    /// The API and the stage, as `<apiId>/<stage>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<String>,
    /// How many messages a second are this part's share at first.
    pub(crate) rate: u32,
    /// Its share of the configured rate, to which it returns; tasks of older versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) full: Option<u32>,
    pub(crate) rest: Remaining,
}

/// The event of a task.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskEvent<'a> {
    lambda_ws_task: &'a Task,
}

impl Task {
    pub(crate) fn new(id: String, hop: u32, kind: TaskKind) -> Self {
        Self {
            form: FORM,
            id,
            hop,
            #[cfg(feature = "otel")]
            traceparent: crate::otel::traceparent(),
            kind,
        }
    }

    /// The event to invoke the function with.
    fn event(&self) -> String {
        let event = TaskEvent {
            lambda_ws_task: self,
        };
        serde_json::to_string(&event).expect("strings and numbers are always JSON")
    }

    /// Queues this task.
    ///
    /// # Errors
    ///
    /// Why it cannot be queued.
    pub(crate) async fn queue(&self, tasks: &dyn Tasks) -> Result<(), BoxError> {
        let queued = tasks.queue(self.event());
        match self.hop {
            1 => trace::first_task(queued).await,
            _ => queued.await,
        }
    }

    /// Reads what stands behind `lambdaWsTask` in an event.
    pub(crate) fn read(json: &str) -> Result<Self, TaskError> {
        #[derive(Deserialize)]
        struct Form {
            form: u32,
        }

        let invalid = |error: serde_json::Error| TaskError::Invalid(error.into());
        let Form { form } = serde_json::from_str(json).map_err(invalid)?;
        if form != FORM {
            let error = format!(
                "this task has form {form}, and this version of the function knows form {FORM} only: it was \
                 queued by another version; deploy with versions, so that each does its own"
            );
            return Err(TaskError::Invalid(error.into()));
        }
        serde_json::from_str(json).map_err(invalid)
    }
}

/// A way to have tasks done.
pub(crate) trait Tasks: std::marker::Send + Sync {
    /// Queues the event of a task.
    fn queue(&self, event: String) -> BoxFuture<'_, Result<(), BoxError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_of_another_version_is_refused_with_what_it_is() {
        let error = Task::read(r#"{"form":99,"id":"a","hop":1,"sing":true}"#).unwrap_err();
        let error = crate::error::chain(&error);
        assert!(error.contains("has form 99"), "{error}");
        assert!(Task::read("{}").is_err());
        assert!(Task::read(&format!(r#"{{"form":{FORM}}}"#)).is_err());
    }
}
