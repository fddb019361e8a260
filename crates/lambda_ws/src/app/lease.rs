//! Who does a task.

use super::backend::Backend;
use crate::error::BoxError;
use crate::random::new_id;
use crate::sender::Checkpoint;
use crate::store::{DynStore, StoreError};
use crate::task::TaskError;
use crate::task::{Range, Remaining};
use crate::{ConnectionId, Timestamp};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tracing::warn;

/// The namespace of the leases: none that an application's values can have.
const NAMESPACE: &str = "task";

/// How long a worker that is not heard of is believed in. Lambda tries again after a minute.
const BELIEF: Duration = Duration::from_secs(10);

/// How long a lease is remembered: longer than Lambda keeps an event, which is 6 h.
const MEMORY: Duration = Duration::from_secs(7 * 60 * 60);

/// The right to do a task, and what of it is yet to be done. Lambda delivers tasks at least once: with a
/// lease a worker that is killed loses nothing, and who comes after it repeats little.
pub(super) struct Lease<'a> {
    store: &'a dyn DynStore,
    backend: &'a Backend,
    task: String,
    worker: String,
    version: AtomicU64,
}

/// What came of asking for a lease.
pub(super) enum LeaseOutcome<'a> {
    /// It is the caller's, who goes on from here.
    Given(Lease<'a>, State),
    /// The task is done.
    Done,
    /// Another worker does it.
    Taken,
}

/// How far a task is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    worker: String,
    until: Timestamp,
    #[serde(default)]
    stage: Stage,
    /// What is left; everything, if that is `None`.
    #[serde(default)]
    left: Option<Left>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    #[default]
    Working,
    /// What is left is being given to the next task.
    Handing,
    Done,
}

/// Who is yet to be sent to.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Left {
    ids: Vec<ConnectionId>,
    ranges: Vec<Range>,
}

impl State {
    /// Whether what is left was to be given to the next task.
    pub(super) fn is_handing(&self) -> bool {
        self.stage == Stage::Handing
    }

    /// What of a task's work is left.
    pub(super) fn left_of(self, mut work: Remaining) -> Remaining {
        if let Some(left) = self.left {
            work.ids = left.ids;
            work.ranges = left.ranges;
        }
        work
    }
}

impl<'a> Lease<'a> {
    /// Asks for the lease of a task.
    pub(super) async fn ask(
        backend: &'a Backend,
        task: &str,
    ) -> Result<LeaseOutcome<'a>, BoxError> {
        let store = &*backend.store;
        let now = backend.clock().now();
        let found = store.read_value(NAMESPACE, task, now).await?;
        let (version, mut state) = match found {
            None => (None, State::default()),
            Some(value) => (Some(value.version), serde_json::from_str(&value.value)?),
        };
        match &state {
            State {
                stage: Stage::Done, ..
            } => return Ok(LeaseOutcome::Done),
            state if state.until > now => return Ok(LeaseOutcome::Taken),
            _ => {}
        }
        state.worker = new_id();
        state.until = now + BELIEF;
        let lease = Self {
            store,
            backend,
            task: task.to_owned(),
            worker: state.worker.clone(),
            version: AtomicU64::new(0),
        };
        match lease.write(&state, version).await {
            Ok(()) => Ok(LeaseOutcome::Given(lease, state)),
            Err(StoreError::Conflict) => Ok(LeaseOutcome::Taken),
            Err(error) => Err(error.into()),
        }
    }

    /// Remembers that what is left is given to the next task.
    pub(super) async fn hand(&self, rest: &Remaining) -> Result<(), BoxError> {
        self.update(Stage::Handing, Some(rest), BELIEF).await
    }

    /// Remembers that the task is done.
    pub(super) async fn done(&self) -> Result<(), BoxError> {
        self.update(Stage::Done, None, BELIEF).await
    }

    /// Lets the next worker begin at once, with what is left.
    pub(super) async fn release(&self, rest: &Remaining) -> Result<(), BoxError> {
        self.update(Stage::Working, Some(rest), Duration::ZERO)
            .await
    }

    async fn update(
        &self,
        stage: Stage,
        rest: Option<&Remaining>,
        belief: Duration,
    ) -> Result<(), BoxError> {
        let state = State {
            worker: self.worker.clone(),
            until: self.backend.clock().now() + belief,
            stage,
            left: rest.map(|rest| Left {
                ids: rest.ids.clone(),
                ranges: rest.ranges.clone(),
            }),
        };
        let version = self.version.load(Ordering::Relaxed);
        match self.write(&state, Some(version)).await {
            Err(StoreError::Conflict) => {}
            written => return Ok(written?),
        }
        // An earlier write that seemed to fail may have been done.
        let now = self.backend.clock().now();
        let found = self.store.read_value(NAMESPACE, &self.task, now).await?;
        let found = found.ok_or(TaskError::TakenOver)?;
        let kept: State = serde_json::from_str(&found.value)?;
        if kept.worker != self.worker {
            return Err(TaskError::TakenOver.into());
        }
        Ok(self.write(&state, Some(found.version)).await?)
    }

    async fn write(&self, state: &State, version: Option<u64>) -> Result<(), StoreError> {
        let value = serde_json::to_string(state).expect("strings and numbers are always JSON");
        let now = self.backend.clock().now();
        let expires = Some(now + MEMORY);
        let store = self.store;
        let version = store
            .replace_value(NAMESPACE, &self.task, &value, expires, version, now)
            .await?;
        self.version.store(version, Ordering::Relaxed);
        Ok(())
    }
}

impl Checkpoint for Lease<'_> {
    fn keep(&self, rest: Remaining) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            match self.update(Stage::Working, Some(&rest), BELIEF).await {
                Err(error) if error.is::<TaskError>() => Err(error),
                Err(error) => {
                    // More may be repeated, if this worker ends now.
                    warn!(error = &*error, "how far a task is could not be kept");
                    Ok(())
                }
                Ok(()) => Ok(()),
            }
        })
    }
}
