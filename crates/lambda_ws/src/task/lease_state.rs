//! The stored progress of tasks.

use super::{Range, Remaining};
use crate::{ConnectionId, Timestamp};
use serde::{Deserialize, Serialize};

/// The stored progress of a task, and the invocation that runs it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct LeaseState {
    pub(crate) worker: String,
    pub(crate) until: Timestamp,
    #[serde(default)]
    pub(crate) stage: LeaseStage,
    /// The remaining recipients; all, if that is `None`.
    #[serde(default)]
    pub(crate) left: Option<RestOfTask>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LeaseStage {
    #[default]
    Working,
    /// The remaining recipients are being queued as the next task.
    Handing,
    Done,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RestOfTask {
    pub(crate) ids: Vec<ConnectionId>,
    pub(crate) ranges: Vec<Range>,
}

impl LeaseState {
    /// The namespace of leases. No value of an application can have it.
    pub(crate) const NAMESPACE: &'static str = "task";

    pub(crate) fn is_handing(&self) -> bool {
        self.stage == LeaseStage::Handing
    }

    pub(crate) fn left_of(self, mut work: Remaining) -> Remaining {
        if let Some(left) = self.left {
            work.ids = left.ids;
            work.ranges = left.ranges;
        }
        work
    }
}
