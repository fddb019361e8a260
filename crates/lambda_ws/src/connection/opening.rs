//! The connection of a handshake.

use super::encode;
use crate::ConnectionId;
use crate::effects::Effects;
use crate::error::SendError;
use crate::payload::IntoPayload;
use crate::presence;
use crate::store::{MAX_ROOMS, StoreError, check_name};
use serde::Serialize;

/// The connection of a running handshake: an argument of `$connect` handlers.
///
/// Its changes take effect when the handler accepts; no changes are written before. It cannot send to its own client,
/// which cannot receive before `$connect` returns (conformance G7).
///
/// ```
/// use lambda_ws::{Error, Json, Opening, Query};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Who {
///     user: String,
/// }
///
/// async fn connect(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
///     me.user(&who.user)?;
///     me.join("lobby")?;
///     me.announce("lobby", Json(format!("{} is here", who.user)))?;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Opening {
    id: ConnectionId,
    effects: Effects,
}

impl Opening {
    pub(crate) fn new(id: ConnectionId, effects: Effects) -> Self {
        Self { id, effects }
    }

    /// Returns the connection's id.
    pub fn id(&self) -> &ConnectionId {
        &self.id
    }

    /// Sets the user of the connection. A user may have several connections.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadName`].
    pub fn user(&self, user: &str) -> Result<(), StoreError> {
        check_name(user)?;
        let mut registration = self.effects.registration();
        registration.user.get_or_insert_default().name = user.to_owned();
        Ok(())
    }

    /// Adds the connection to a room.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadName`], [`StoreError::TooManyRooms`].
    pub fn join(&self, room: &str) -> Result<(), StoreError> {
        check_name(room)?;
        let mut registration = self.effects.registration();
        if !registration.rooms.iter().any(|joined| joined == room) {
            if registration.rooms.len() == MAX_ROOMS {
                return Err(StoreError::TooManyRooms);
            }
            registration.rooms.push(room.to_owned());
        }
        Ok(())
    }

    /// Sets the data of the user in the rooms that this connection joins in its handshake. The router needs a
    /// [`changed`](crate::Router::changed) handler. Without one, the log contains an error and no data is stored.
    ///
    /// A user who is already present in a room gets this data there. Without this call the data of a present user
    /// does not change.
    ///
    /// # Errors
    ///
    /// [`StoreError::PresenceTooLarge`] over 1 KB of JSON, [`StoreError::BadPresence`] if it cannot be encoded as JSON.
    pub fn presence<T: Serialize + ?Sized>(&self, data: &T) -> Result<(), StoreError> {
        let data = presence::encode(data)?;
        let mut registration = self.effects.registration();
        registration.user.get_or_insert_default().data = Some(data);
        Ok(())
    }

    /// Sets the session, which [`Session`](crate::Session) reads in later events.
    ///
    /// # Errors
    ///
    /// [`StoreError::SessionTooLarge`] over 32 KB of JSON, [`StoreError::BadSession`] if it cannot be encoded as
    /// JSON.
    pub fn save<T: Serialize>(&self, session: &T) -> Result<(), StoreError> {
        self.effects.registration().session = Some(encode(session)?);
        Ok(())
    }

    /// Sends a message to the other connections in a room, once this connection is registered.
    ///
    /// # Errors
    ///
    /// [`SendError::TooLarge`], [`SendError::Encode`], [`SendError::Store`] for a name that is not valid.
    pub fn announce(&self, room: &str, message: impl IntoPayload) -> Result<(), SendError> {
        check_name(room)?;
        let announcement = (room.to_owned(), message.into_payload()?);
        self.effects.registration().announcements.push(announcement);
        Ok(())
    }
}
