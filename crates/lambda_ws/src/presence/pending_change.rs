//! Rooms that a user's connection joined or left.

use crate::store::Record;
use crate::{ConnectionId, Timestamp};
use serde::{Deserialize, Serialize};

/// Rooms that a user's connection joined or left. A connection leaves all its rooms when it ends or is
/// found gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingChange {
    pub(crate) id: ConnectionId,
    pub(crate) at: Timestamp,
    /// The API and the stage, as `<apiId>/<stage>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<String>,
    pub(crate) user: String,
    pub(crate) rooms: Vec<String>,
}

impl PendingChange {
    /// The departure of a connection from all its rooms, if it belongs to a user and is in any room.
    pub(crate) fn departure(record: &Record) -> Option<Self> {
        let user = record.user.clone()?;
        (!record.rooms.is_empty()).then(|| Self {
            id: record.id.clone(),
            at: record.at,
            api: Some(record.api.clone()),
            user,
            rooms: record.rooms.iter().cloned().collect(),
        })
    }

    /// The approximate size as JSON, in bytes.
    pub(super) fn size(&self) -> usize {
        let rooms = self.rooms.iter().map(|room| room.len() + 3);
        128 + self.user.len() + rooms.sum::<usize>()
    }
}
