//! Presence: the users in a room, regardless of their number of connections.

mod data;
mod ledger;
mod pending_shard;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use data::{Announcement, DATA_WINDOW, KEPT_DATA, KeepsData, Write, encode};
pub use data::{PresenceData, UserPresence};
pub(crate) use ledger::{PresenceLedger, Users, namespace};
#[cfg(test)]
pub(crate) use pending_shard::SHARDS;
pub(crate) use pending_shard::{Batches, ChangeKind, PendingChange, PendingShard, Shard};
pub(crate) use state::{Hooks, PresenceState};

use std::time::Duration;

pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// The longest grace period: a function waits for its end, and API Gateway's functions have a timeout of 29 s.
pub(crate) const LONGEST_GRACE: Duration = Duration::from_secs(20);

/// Users who [joined](crate::Router::joined) or [left](crate::Router::left) a room, or whose data there has
/// [changed](crate::Router::changed).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct PresenceChange {
    /// The room.
    pub room: String,
    /// The users ([`Opening::user`](crate::Opening::user)): at least one, each once, and sorted. Users who join or
    /// leave within about a second are announced together, with at most 16 KB of names. With a
    /// [`changed`](crate::Router::changed) handler, users join and change with at most 64 KB of names and data.
    pub users: Vec<String>,
}
