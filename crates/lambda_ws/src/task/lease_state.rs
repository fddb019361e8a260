//! The stored progress of tasks.

use super::{Range, Remaining};
use crate::{ConnectionId, Timestamp};
use lambda_ws_protocol::table_layout;
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
    /// The number of partitions of leases. Each allows 1 000 write units per second, and a lease is written every
    /// second.
    pub(crate) const SHARDS: u8 = 16;

    /// Returns the shard of a task's lease.
    pub(crate) fn shard(task: &str) -> u8 {
        table_layout::hash(&task.into()) % Self::SHARDS
    }

    /// Returns the namespace of the leases of a shard. No value of an application can have it.
    pub(crate) fn namespace(shard: u8) -> String {
        format!("task:{shard:x}")
    }

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
