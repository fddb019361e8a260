//! The data of a connection at one time.

use lambda_ws_protocol::{ConnectionId, Timestamp};

/// The data of a connection at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Its id.
    pub id: ConnectionId,
    /// The time of its handshake.
    pub connected_at: Timestamp,
    /// The time of the last message in either direction.
    pub last_active_at: Timestamp,
    /// The client's address.
    pub source_ip: String,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
}
