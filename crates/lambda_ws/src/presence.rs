//! Who is present: which users are in which rooms, however many connections they have there.

mod change;
mod kept;
mod pending;
mod presences;
mod present;
#[cfg(test)]
mod tests;

pub(crate) use change::Change;
pub(crate) use kept::{Kept, Users};
#[cfg(test)]
pub(crate) use pending::SHARDS;
pub(crate) use pending::{ChangeKind, Pending, Shard};
pub(crate) use presences::{Hooks, Presences};
pub use present::Present;

use std::time::Duration;

/// How long a user who has left may take to come back, unless the router says otherwise.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// The longest grace: a function waits for its end, and API Gateway's have a timeout of 29 s.
pub(crate) const LONGEST_GRACE: Duration = Duration::from_secs(20);

/// What the namespaces begin with that say who is in a room; the room follows. Those of applications
/// begin otherwise, and a namespace has room for a prefix of four bytes and a name.
const ROOM: &str = "in:";

fn namespace(room: &str) -> String {
    format!("{ROOM}{room}")
}
