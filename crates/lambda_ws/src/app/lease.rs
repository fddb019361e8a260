//! The leases of tasks.

use super::backend::Backend;
use crate::error::BoxError;
use crate::random::new_id;
use crate::sender::Checkpoint;
use crate::store::{DynStore, StoreError};
use crate::task::{LeaseStage, LeaseState, Remaining, RestOfTask, TaskError};
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tracing::warn;

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
    namespace: String,
    worker: String,
    version: AtomicU64,
}

pub(super) enum LeaseOutcome<'a> {
    /// The caller has the lease and continues from this state.
    Acquired(Lease<'a>, LeaseState),
    Done,
    Taken,
}

impl<'a> Lease<'a> {
    pub(super) async fn acquire(
        backend: &'a Backend,
        task: &str,
    ) -> Result<LeaseOutcome<'a>, BoxError> {
        let store = &*backend.store;
        let now = backend.clock().now();
        let namespace = LeaseState::namespace(LeaseState::shard(task));
        let found = store.read_value(&namespace, task, now).await?;
        let (version, mut state) = match found {
            None => (None, LeaseState::default()),
            Some(value) => (Some(value.version), serde_json::from_str(&value.value)?),
        };
        match &state {
            LeaseState {
                stage: LeaseStage::Done,
                ..
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
            namespace,
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
        self.update(LeaseStage::Handing, Some(rest), DURATION).await
    }

    pub(super) async fn done(&self) -> Result<(), BoxError> {
        self.update(LeaseStage::Done, None, DURATION).await
    }

    /// Releases the lease with the remaining recipients, so that a retry can start at once.
    pub(super) async fn release(&self, rest: &Remaining) -> Result<(), BoxError> {
        self.update(LeaseStage::Working, Some(rest), Duration::ZERO)
            .await
    }

    async fn update(
        &self,
        stage: LeaseStage,
        rest: Option<&Remaining>,
        duration: Duration,
    ) -> Result<(), BoxError> {
        let state = LeaseState {
            worker: self.worker.clone(),
            until: self.backend.clock().now() + duration,
            stage,
            left: rest.map(|rest| RestOfTask {
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
        let found = self
            .store
            .read_value(&self.namespace, &self.task, now)
            .await?;
        let found = found.ok_or(TaskError::TakenOver)?;
        let stored: LeaseState = serde_json::from_str(&found.value)?;
        if stored.worker != self.worker {
            return Err(TaskError::TakenOver.into());
        }
        Ok(self.write(&state, Some(found.version)).await?)
    }

    async fn write(&self, state: &LeaseState, version: Option<u64>) -> Result<(), StoreError> {
        let value = serde_json::to_string(state).expect("strings and numbers are always JSON");
        let now = self.backend.clock().now();
        let expires = Some(now + MEMORY);
        let store = self.store;
        let version = store
            .replace_value(&self.namespace, &self.task, &value, expires, version, now)
            .await?;
        self.version.store(version, Ordering::Relaxed);
        Ok(())
    }
}

impl Checkpoint for Lease<'_> {
    fn save(&self, rest: Remaining) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            match self
                .update(LeaseStage::Working, Some(&rest), DURATION)
                .await
            {
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
