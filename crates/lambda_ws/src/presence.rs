//! Who is present: which users are in which rooms, however many connections they have there.

mod ledger;
mod pending_shard;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use ledger::{PresenceLedger, Users, namespace};
#[cfg(test)]
pub(crate) use pending_shard::SHARDS;
pub(crate) use pending_shard::{ChangeKind, PendingChange, PendingShard, Shard};
pub(crate) use state::{Hooks, PresenceState};

use std::time::Duration;

/// How long a user who has left may take to come back, unless the router says otherwise.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// The longest grace: a function waits for its end, and API Gateway's have a timeout of 29 s.
pub(crate) const LONGEST_GRACE: Duration = Duration::from_secs(20);

/// Users who have [joined](crate::Router::joined) a room, or [left](crate::Router::left) it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct PresenceChange {
    /// The room.
    pub room: String,
    /// The users that [`Opening::user`](crate::Opening::user) named: at least one, each once, and sorted.
    /// Users who come or go within about a second are announced together, with at most 16 KB of names.
    pub users: Vec<String>,
}
