//! Connections that are in rooms no more.

use crate::store::Record;
use crate::{ConnectionId, Timestamp};
use serde::{Deserialize, Serialize};

/// A user's connection that is in rooms no more: it left them, has ended or was found gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Departure {
    pub(crate) id: ConnectionId,
    pub(crate) at: Timestamp,
    /// The API and the stage, as `<apiId>/<stage>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<String>,
    pub(crate) user: String,
    pub(crate) rooms: Vec<String>,
}

impl Departure {
    /// That of a connection from all its rooms, if it is a user's and was in any.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        let user = record.user.clone()?;
        (!record.rooms.is_empty()).then(|| Self {
            id: record.id.clone(),
            at: record.at,
            api: Some(record.api.clone()),
            user,
            rooms: record.rooms.iter().cloned().collect(),
        })
    }

    /// About how many bytes it has as JSON.
    pub(super) fn size(&self) -> usize {
        let rooms = self.rooms.iter().map(|room| room.len() + 3);
        128 + self.user.len() + rooms.sum::<usize>()
    }
}
