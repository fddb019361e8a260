//! A connection whose handshake is under way.

use super::encode;
use crate::error::SendError;
use crate::payload::{IntoPayload, Payload};
use crate::store::{MAX_ROOMS, Record, StoreError, check_name};
use crate::{ConnectionId, Timestamp};
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A connection whose handshake is under way: an argument of `$connect` handlers.
///
/// It declares what is to be true once the handler accepts; nothing is written before. It cannot send
/// to its own client, who hears nothing before `$connect` has returned (conformance G7).
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
    declared: Arc<Mutex<Registration>>,
}

/// What is to be true of a connection once its handshake is accepted.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    user: Option<String>,
    rooms: Vec<String>,
    session: Option<String>,
    /// Messages to rooms.
    pub(crate) announcements: Vec<(String, Payload)>,
}

impl Registration {
    /// The record to register.
    pub(crate) fn record(
        &mut self,
        id: ConnectionId,
        at: Timestamp,
        api: String,
        now: Timestamp,
    ) -> Record {
        let mut record = Record::new(id, at, api, now);
        record.user = self.user.take();
        record.rooms.extend(self.rooms.drain(..));
        record.session = self.session.take();
        record
    }
}

impl Opening {
    pub(crate) fn new(id: ConnectionId, declared: Arc<Mutex<Registration>>) -> Self {
        Self { id, declared }
    }

    /// The connection's id.
    pub fn id(&self) -> &ConnectionId {
        &self.id
    }

    /// Makes it a connection of this user, who may have several.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadName`].
    pub fn user(&self, user: &str) -> Result<(), StoreError> {
        check_name(user)?;
        self.declared().user = Some(user.to_owned());
        Ok(())
    }

    /// Adds it to a room.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadName`], [`StoreError::TooManyRooms`].
    pub fn join(&self, room: &str) -> Result<(), StoreError> {
        check_name(room)?;
        let mut declared = self.declared();
        if !declared.rooms.iter().any(|joined| joined == room) {
            if declared.rooms.len() == MAX_ROOMS {
                return Err(StoreError::TooManyRooms);
            }
            declared.rooms.push(room.to_owned());
        }
        Ok(())
    }

    /// Gives it a session, which [`Session`](crate::Session) reads in later events.
    ///
    /// # Errors
    ///
    /// [`StoreError::SessionTooLarge`] over 32 KB of JSON, [`StoreError::BadSession`] if JSON cannot
    /// express it.
    pub fn save<T: Serialize>(&self, session: &T) -> Result<(), StoreError> {
        self.declared().session = Some(encode(session)?);
        Ok(())
    }

    /// Sends a message to everybody else in a room, once the connection is registered.
    ///
    /// # Errors
    ///
    /// [`SendError::TooLarge`], [`SendError::Encode`], [`SendError::Store`] for a bad name.
    pub fn announce(&self, room: &str, message: impl IntoPayload) -> Result<(), SendError> {
        check_name(room)?;
        let announcement = (room.to_owned(), message.into_payload()?);
        self.declared().announcements.push(announcement);
        Ok(())
    }

    fn declared(&self) -> MutexGuard<'_, Registration> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
