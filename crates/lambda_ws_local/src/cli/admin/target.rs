//! The connections that a command counts or lists.

use clap::{ArgGroup, Args};
use lambda_ws_protocol::admin::Target;

/// A room, a user, or all connections.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("members")))]
pub(super) struct Members {
    /// The connections in a room
    #[arg(long, value_name = "NAME", group = "members")]
    room: Option<String>,
    /// The connections of a user
    #[arg(long, value_name = "NAME", group = "members")]
    user: Option<String>,
}

impl Members {
    pub(super) fn target(self) -> Target {
        match (self.room, self.user) {
            (Some(name), _) => Target::Room(name),
            (None, Some(name)) => Target::User(name),
            (None, None) => Target::Everyone,
        }
    }
}
