//! The recipients of the commands `publish` and `admin`.

use clap::{ArgGroup, Args};
use lambda_ws_protocol::admin::Target;

/// One connection, a room, a user, or all connections: exactly one of them.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("recipients").required(true)))]
pub(super) struct Recipients {
    /// The connections in a room
    #[arg(long, value_name = "NAME", group = "recipients")]
    room: Option<String>,
    /// The connections of a user
    #[arg(long, value_name = "NAME", group = "recipients")]
    user: Option<String>,
    /// One connection
    #[arg(long, value_name = "ID", group = "recipients")]
    connection: Option<String>,
    /// All connections
    #[arg(long, group = "recipients")]
    everyone: bool,
}

impl Recipients {
    pub(super) fn target(self) -> Target {
        match (self.room, self.user, self.connection) {
            (Some(name), ..) => Target::Room(name),
            (None, Some(name), _) => Target::User(name),
            (None, None, Some(id)) => Target::Connection(id),
            // clap requires one of them.
            (None, None, None) => Target::Everyone,
        }
    }
}
