//! Admin events: the commands of an operator, and their answers. See [the guide](crate::guide::admin).
//!
//! Programs that invoke the function build the event from these types. [`Router::admin`](crate::Router::admin) makes a
//! program accept such events.
//!
//! ```
//! use lambda_ws::admin::{Command, Counted, Count, Event, Target};
//! use lambda_ws::{Router, testing::Gateway};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let gateway = Gateway::new(Router::new().admin());
//! let count = Count::of(Target::Room("tea".to_owned()), None);
//! let answer = gateway.invoke(Event { admin: Command::Count(count) }).await?;
//! let counted: Counted = serde_json::from_value(answer)?;
//! assert_eq!((counted.count, counted.next), (0, None));
//! # Ok(())
//! # }
//! ```

mod cursor;
mod disconnect;
mod error;
mod follow;
mod listing;
mod show;
mod tasks;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use error::AdminError;
pub use lambda_ws_protocol::admin::{
    Broadcast, ClientState, Command, Count, Counted, Details, Disconnect, Disconnected, Event,
    Follow, Followed, List, Listed, Listing, Sent, Show, Shown, Target, TargetError, TaskPage,
    TaskRow, TaskState, Tasks,
};

use crate::error::BoxError;
use crate::sender::Sender;
use crate::store::{Scope, check_name};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tracing::info;

/// The JSON of an answer.
type Answer = Result<Box<RawValue>, BoxError>;

/// The function that runs a command. [`Router::admin`](crate::Router::admin) installs it, so that other programs do not
/// contain its code.
pub(crate) type AdminHook = fn(AdminCall) -> BoxFuture<'static, Answer>;

/// A command with everything that it needs.
pub(crate) struct AdminCall {
    /// The command, as JSON that is not yet checked.
    pub(crate) command: Box<RawValue>,
    pub(crate) sender: Sender,
    /// The time when the answer must be ready.
    pub(crate) deadline: Option<Instant>,
    /// Publishes the content of a `publish` event.
    pub(crate) publish: fn(Sender, Box<RawValue>) -> BoxFuture<'static, Answer>,
}

/// The longest that a command reads before it answers with a cursor. Clients of the Invoke API wait for 60 s by default.
const READING: Duration = Duration::from_secs(10);

/// Returns the command of an admin event, if the event is one.
pub(crate) fn command(json: &str) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct AdminEvent<'a> {
        #[serde(borrow)]
        admin: Option<&'a RawValue>,
    }

    // serde would also read a struct from an array.
    let is_object = json.trim_start().starts_with('{');
    let event = serde_json::from_str::<AdminEvent<'_>>(json).ok();
    event.filter(|_| is_object)?.admin
}

/// Runs a command.
pub(crate) fn run(call: AdminCall) -> BoxFuture<'static, Answer> {
    Box::pin(call.run())
}

impl AdminCall {
    async fn run(self) -> Answer {
        let command = serde_json::from_str::<Command>(self.command.get());
        let command = command.map_err(AdminError::invalid)?;
        let name = command.name();
        // Each command is logged before it runs, so that the log also has those that fail. The message of a broadcast,
        // which may be secret, is not logged.
        match &command {
            Command::Count(count) => {
                let target = count.target().map_err(AdminError::invalid)?;
                info!(command = name, %target, cursor = count.cursor, "admin command");
                let counted = listing::count(&self, scope(target)?, count.cursor.as_deref());
                self.answer(counted).await
            }
            Command::List(list) => {
                let target = list.target().map_err(AdminError::invalid)?;
                let (details, cursor) = (list.details, list.cursor.as_deref());
                info!(command = name, %target, details, cursor, "admin command");
                let scope = scope(target)?;
                self.answer(listing::list(&self, scope, details, cursor))
                    .await
            }
            Command::Show(show) => {
                let (target, session) = (&show.connection, show.session);
                info!(command = name, connection = %target, session, "admin command");
                self.answer(show::show(&self.sender, show)).await
            }
            Command::Disconnect(disconnect) => {
                let target = disconnect.target().map_err(AdminError::invalid)?;
                info!(command = name, %target, "admin command");
                let closed = disconnect::disconnect(&self.sender, target).await?;
                Ok(to_raw_value(&closed)?)
            }
            Command::Broadcast(broadcast) => {
                let target = broadcast.target().map_err(AdminError::invalid)?;
                let bytes = broadcast.data.get().len();
                info!(command = name, %target, bytes, "admin command");
                let publish = to_raw_value(broadcast)?;
                (self.publish)(self.sender, publish).await
            }
            Command::Follow(follow) => {
                let since = follow.since.as_ref().map(tracing::field::display);
                info!(command = name, room = ?follow.room, since, "admin command");
                self.answer(follow::follow(&self.sender, follow)).await
            }
            Command::Tasks(tasks) => {
                let cursor = tasks.cursor.as_deref();
                info!(command = name, cursor, "admin command");
                self.answer(tasks::list(&self, cursor)).await
            }
        }
    }

    /// Returns the JSON of an answer that is ready before the deadline.
    async fn answer<T: Serialize>(
        &self,
        answer: impl Future<Output = Result<T, BoxError>>,
    ) -> Answer {
        let answer = match self.deadline {
            Some(deadline) => timeout_at(deadline, answer).await,
            None => Ok(answer.await),
        };
        let answer = answer.map_err(|_| AdminError::TimedOut)??;
        Ok(to_raw_value(&answer)?)
    }

    /// Returns the time until which a command starts further reads. The last of them needs a part of the time, too.
    fn reads_until(&self) -> Instant {
        let now = Instant::now();
        let most = now + READING;
        match self.deadline {
            Some(deadline) => most.min(now + deadline.saturating_duration_since(now) / 2),
            None => most,
        }
    }
}

/// Returns the connections of a target that is not one connection.
fn scope(target: Target) -> Result<Scope, AdminError> {
    let scope = match target {
        Target::Everyone => return Ok(Scope::Everyone),
        Target::Room(name) => Scope::Room(name),
        Target::User(name) => Scope::User(name),
        Target::Connection(_) => {
            return Err(AdminError::invalid(
                "a connection is not a valid target: use `show`",
            ));
        }
    };
    if let Scope::Room(name) | Scope::User(name) = &scope {
        check_name(name).map_err(AdminError::invalid)?;
    }
    Ok(scope)
}
