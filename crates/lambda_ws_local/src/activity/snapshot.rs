//! A connection, as it was a moment ago.

use lambda_ws_protocol::{ConnectionId, Timestamp};

/// A connection, as it was a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Its id.
    pub id: ConnectionId,
    /// When it was opened.
    pub connected_at: Timestamp,
    /// When the last message came or was posted.
    pub last_active_at: Timestamp,
    /// The client's address.
    pub source_ip: String,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}
