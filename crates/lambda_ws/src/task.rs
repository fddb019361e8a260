//! The follow-up tasks of a function, which invokes itself for them.

mod lease_state;
mod remaining;

pub(crate) use lease_state::{LeaseStage, LeaseState, RestOfTask};
pub(crate) use remaining::Range;
pub use remaining::Remaining;

use crate::Timestamp;
use crate::context::Context;
use crate::error::BoxError;
use crate::presence::Shard;
use crate::trace;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// The format version of tasks. A function rejects tasks of another version.
const FORM: u32 = 3;

/// The maximum number of tasks in a chain. Lambda stops a chain of self-invocations after about 16 invocations (its
/// recursive loop detection), and the event that queues the first task is one of them.
pub(crate) const MOST_HOPS: u32 = 14;

#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    #[error("the task is not valid")]
    Invalid(#[source] BoxError),
    /// Another invocation runs the task. No error has occurred.
    #[error("this task is already running in another invocation; Lambda will retry it")]
    Running,
    /// Another invocation took over because the lease had expired.
    #[error("another invocation has taken over this task")]
    TakenOver,
    #[error("the follow-up task of a broadcast could not be queued")]
    NotQueued(#[source] BoxError),
}

/// A task of a function. Its event is `{"lambdaWsTask": ..}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Task {
    form: u32,
    /// The id of the work, the same for every delivery.
    pub(crate) id: String,
    /// The number of tasks in a row, including this one.
    pub(crate) hop: u32,
    /// The OpenTelemetry span that queued it, if that is sampled.
    #[cfg(feature = "otel")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) traceparent: Option<String>,
    pub(crate) kind: TaskKind,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TaskKind {
    Opened(Context),
    Send(Box<Send>),
    Sweep(Sweep),
}

/// The announcement of a shard's pending joins or departures.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sweep {
    pub(crate) shard: Shard,
    /// The time when the first of them are due.
    pub(crate) due: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Send {
    /// The API and the stage, as `<apiId>/<stage>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<String>,
    /// The part's initial share of the rate, in messages per second.
    pub(crate) rate: u32,
    /// The part's share of the full rate. Tasks of older versions do not contain it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) full: Option<u32>,
    /// The full rate that all broadcasts share. Tasks of older versions do not contain it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<u32>,
    pub(crate) rest: Remaining,
}

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
    /// The task cannot be queued.
    pub(crate) async fn queue(&self, tasks: &dyn Tasks) -> Result<(), BoxError> {
        let queued = tasks.queue(self.event());
        match self.hop {
            1 => trace::first_task(queued).await,
            _ => queued.await,
        }
    }

    /// Parses the value of `lambdaWsTask` in an event.
    pub(crate) fn read(json: &str) -> Result<Self, TaskError> {
        #[derive(Deserialize)]
        struct Form {
            form: u32,
        }

        let invalid = |error: serde_json::Error| TaskError::Invalid(error.into());
        let Form { form } = serde_json::from_str(json).map_err(invalid)?;
        if form != FORM {
            let error = format!(
                "the task has format {form}, but this version of the function supports format {FORM} only: another \
                 version queued it; fix: deploy with versions, so that each version runs its own tasks"
            );
            return Err(TaskError::Invalid(error.into()));
        }
        serde_json::from_str(json).map_err(invalid)
    }
}

pub(crate) trait Tasks: std::marker::Send + Sync {
    fn queue(&self, event: String) -> BoxFuture<'_, Result<(), BoxError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_of_another_version_is_rejected_with_its_format() {
        let error = Task::read(r#"{"form":99,"id":"a","hop":1,"sing":true}"#).unwrap_err();
        let error = crate::error::chain(&error);
        assert!(error.contains("has format 99"), "{error}");
        assert!(Task::read("{}").is_err());
        assert!(Task::read(&format!(r#"{{"form":{FORM}}}"#)).is_err());
    }
}
