//! The leases of tasks.

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

/// The namespace of leases. No value of an application can have it.
const NAMESPACE: &str = "task";

/// How long a lease lasts without a renewal. Lambda retries a task after a minute.
const DURATION: Duration = Duration::from_secs(10);

/// How long a lease is stored: longer than Lambda keeps an event, which is 6 h.
const MEMORY: Duration = Duration::from_secs(7 * 60 * 60);

/// The exclusive right to run a task, with its progress. Lambda delivers tasks at least once. With a lease a killed
/// worker loses nothing, and the retry repeats little.
pub(super) struct Lease<'a> {
    store: &'a dyn DynStore,
    backend: &'a Backend,
    task: String,
    worker: String,
    version: AtomicU64,
}

pub(super) enum LeaseOutcome<'a> {
    /// The caller has the lease and continues from this state.
    Acquired(Lease<'a>, State),
    Done,
    Taken,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    worker: String,
    until: Timestamp,
    #[serde(default)]
    stage: Stage,
    /// The remaining recipients; all, if that is `None`.
    #[serde(default)]
    left: Option<Left>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    #[default]
    Working,
    /// The remaining recipients are being queued as the next task.
    Handing,
    Done,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Left {
    ids: Vec<ConnectionId>,
    ranges: Vec<Range>,
}

impl State {
    pub(super) fn is_handing(&self) -> bool {
        self.stage == Stage::Handing
    }

    pub(super) fn left_of(self, mut work: Remaining) -> Remaining {
        if let Some(left) = self.left {
            work.ids = left.ids;
            work.ranges = left.ranges;
        }
        work
    }
}

impl<'a> Lease<'a> {
    pub(super) async fn acquire(
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
        state.until = now + DURATION;
        let lease = Self {
            store,
            backend,
            task: task.to_owned(),
            worker: state.worker.clone(),
            version: AtomicU64::new(0),
        };
        match lease.write(&state, version).await {
            Ok(()) => Ok(LeaseOutcome::Acquired(lease, state)),
            Err(StoreError::Conflict) => Ok(LeaseOutcome::Taken),
            Err(error) => Err(error.into()),
        }
    }

    /// Records that the remaining recipients are being queued as the next task.
    pub(super) async fn hand(&self, rest: &Remaining) -> Result<(), BoxError> {
        self.update(Stage::Handing, Some(rest), DURATION).await
    }

    pub(super) async fn done(&self) -> Result<(), BoxError> {
        self.update(Stage::Done, None, DURATION).await
    }

    /// Releases the lease with the remaining recipients, so that a retry can start at once.
    pub(super) async fn release(&self, rest: &Remaining) -> Result<(), BoxError> {
        self.update(Stage::Working, Some(rest), Duration::ZERO)
            .await
    }

    async fn update(
        &self,
        stage: Stage,
        rest: Option<&Remaining>,
        duration: Duration,
    ) -> Result<(), BoxError> {
        let state = State {
            worker: self.worker.clone(),
            until: self.backend.clock().now() + duration,
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
        // An earlier write that failed may have taken effect.
        let now = self.backend.clock().now();
        let found = self.store.read_value(NAMESPACE, &self.task, now).await?;
        let found = found.ok_or(TaskError::TakenOver)?;
        let stored: State = serde_json::from_str(&found.value)?;
        if stored.worker != self.worker {
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
    fn save(&self, rest: Remaining) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            match self.update(Stage::Working, Some(&rest), DURATION).await {
                Err(error) if error.is::<TaskError>() => Err(error),
                Err(error) => {
                    // If this worker ends now, the retry repeats more.
                    warn!(error = &*error, "the progress of a task could not be saved");
                    Ok(())
                }
                Ok(()) => Ok(()),
            }
        })
    }
}
