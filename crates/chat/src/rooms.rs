//! The two audiences of a room: plain clients, and clients that subscribe to its log.
//!
//! Plain clients of `tea` are members of the room `tea`, and receive messages as they are. Lossless clients are members
//! of `chat/tea`, which has a history, and receive frames of the protocol. Each client receives each message once.

use crate::name::Name;
use crate::protocol::{Entry, Outgoing};
use lambda_ws::{Channels, ConnectionId, Error, History, Json, Sender, Subscribe};
use std::time::{Duration, SystemTime};

/// The prefix of rooms with a log. A [`Name`] does not contain `/`.
const PREFIX: &str = "chat/";

/// The last 100 messages of a day.
const HISTORY: History = History::new(100, Duration::from_secs(24 * 60 * 60));

pub(crate) fn channels() -> Channels {
    Channels::new()
        .history("chat/*", HISTORY)
        .authorize(authorize)
}

/// Allows every room with a valid name.
async fn authorize(subscribe: Subscribe) -> Result<(), Error> {
    let name = subscribe.room.strip_prefix(PREFIX).unwrap_or_default();
    match Name::try_from(name.to_owned()) {
        Ok(_) => Ok(()),
        Err(problem) => Err(Error::client("bad_room", format!("{PREFIX}: {problem}"))),
    }
}

/// Returns whether a room is one of lossless clients.
pub(crate) fn is_log(room: &str) -> bool {
    room.starts_with(PREFIX)
}

/// Returns the name of a room for users.
pub(crate) fn name_of(room: &str) -> &str {
    room.strip_prefix(PREFIX).unwrap_or(room)
}

/// A room with all its clients.
pub(crate) struct Place<'a> {
    sender: &'a Sender,
    name: &'a str,
    log: String,
}

impl<'a> Place<'a> {
    pub(crate) fn new(sender: &'a Sender, name: &'a str) -> Self {
        let log = format!("{PREFIX}{name}");
        Self { sender, name, log }
    }

    /// Publishes a message of a user.
    pub(crate) async fn say(&self, user: &str, text: &str) -> Result<(), Error> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let at = now.unwrap_or_default().as_millis() as u64;
        let entry = Entry { user, text, at };
        let room = self.name;
        // The log first: a client that has received its own message can rely on the order of the next one.
        self.sender.room(&self.log).publish(&entry).await?;
        let said = Json(Outgoing::Said { user, room, text });
        self.sender.room(room).send(said).await?;
        Ok(())
    }

    /// Sends a message that is not in the log.
    pub(crate) async fn announce(
        &self,
        message: Outgoing<'_>,
        except: Option<&ConnectionId>,
    ) -> Result<(), Error> {
        let send = async |room: &str| {
            let audience = self.sender.room(room);
            match except {
                Some(id) => audience.except(id).send(Json(message)).await,
                None => audience.send(Json(message)).await,
            }
        };
        let (plain, lossless) = tokio::join!(send(self.name), send(&self.log));
        plain?;
        lossless?;
        Ok(())
    }

    /// Returns the first users in order, at most `most`, and whether there are more.
    pub(crate) async fn users(&self, most: usize) -> Result<(Vec<String>, bool), Error> {
        let plain = self.sender.presence(self.name);
        let lossless = self.sender.presence(&self.log);
        let (plain, lossless) = tokio::try_join!(plain.first(most), lossless.first(most))?;
        let (mut users, mut more) = plain;
        users.extend(lossless.0);
        users.sort();
        users.dedup();
        more |= lossless.1 || users.len() > most;
        users.truncate(most);
        Ok((users, more))
    }
}
