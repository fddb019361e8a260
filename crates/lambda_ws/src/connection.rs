//! The connection of an event.

mod opening;
mod record_cache;

pub use opening::Opening;
pub(crate) use record_cache::RecordCache;

use crate::error::SendError;
use crate::payload::IntoPayload;
use crate::presence::PendingChange;
use crate::sender::{Audience, Sender};
use crate::store::{Record, SESSION_BYTES, StoreError, check_name};
use crate::{ConnectionId, Timestamp};
use serde::Serialize;

/// The connection of a message: an argument of `opened` and message handlers.
///
/// ```
/// use lambda_ws::{Connection, Error, Json};
///
/// async fn join(me: Connection, Json(room): Json<String>) -> Result<(), Error> {
///     me.join(&room).await?;
///     me.room(&room).except(me.id()).send("a new member joined").await?;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Connection {
    id: ConnectionId,
    at: Timestamp,
    sender: Sender,
    record_cache: RecordCache,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        at: Timestamp,
        sender: Sender,
        record_cache: RecordCache,
    ) -> Self {
        Self {
            id,
            at,
            sender,
            record_cache,
        }
    }

    /// Returns the connection's id.
    pub fn id(&self) -> &ConnectionId {
        &self.id
    }

    /// Sends a message to this client.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub async fn send(&self, message: impl IntoPayload) -> Result<(), SendError> {
        self.sender.send(&self.id, message).await
    }

    /// Returns the connections in a room. This connection need not be a member.
    pub fn room(&self, room: impl Into<String>) -> Audience {
        self.sender.room(room)
    }

    /// Closes this connection with code 1000; its `$disconnect` follows.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub async fn close(&self) -> Result<(), SendError> {
        self.sender.close(&self.id).await
    }

    /// Adds this connection to a room. Does nothing if it is already a member.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadName`], [`StoreError::TooManyRooms`], [`StoreError::NotConnected`] if the connection has
    /// ended.
    pub async fn join(&self, room: &str) -> Result<(), StoreError> {
        check_name(room)?;
        let user = self.present_user().await?;
        let expires = Record::expiry(self.at, self.sender.now());
        let joined = self.sender.store().join(&self.id, self.at, room, expires);
        self.record_cache.invalidate().await;
        joined.await?;
        self.arrive(user, room).await
    }

    /// Removes this connection from a room. Does nothing if it is not a member.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadName`].
    pub async fn leave(&self, room: &str) -> Result<(), StoreError> {
        check_name(room)?;
        let user = self.present_user().await?;
        self.record_cache.invalidate().await;
        self.depart(user, vec![room.to_owned()]).await;
        self.sender.store().leave(&self.id, self.at, room).await
    }

    /// Adds this connection to a room and removes it from all others atomically. If several messages do this
    /// concurrently, the connection ends in exactly one room. Returns the rooms that it left, none if it was already
    /// only in `room`.
    ///
    /// # Errors
    ///
    /// As [`Connection::join`]; [`StoreError::Conflict`] after repeated concurrent changes.
    pub async fn switch_room(&self, room: &str) -> Result<Vec<String>, StoreError> {
        check_name(room)?;
        const ATTEMPTS: usize = 20;
        for _ in 0..ATTEMPTS {
            let record = self
                .record_cache
                .read(&self.sender, &self.id, self.at)
                .await?;
            let record = record.ok_or(StoreError::NotConnected)?;
            if record.rooms.len() == 1 && record.rooms.contains(room) {
                return Ok(Vec::new());
            }
            self.record_cache.invalidate().await;
            let is_new = !record.rooms.contains(room);
            let left = record.rooms.iter().filter(|left| *left != room);
            let left: Vec<_> = left.cloned().collect();
            let user = record.user.clone();
            let user = user.filter(|_| self.sender.ledger().is_some());
            self.depart(user.clone(), left.clone()).await;
            match self.sender.store().switch_room(&record, room).await {
                Ok(()) => {
                    if is_new {
                        self.arrive(user, room).await?;
                    }
                    return Ok(left);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Replaces the session, unless another message of this connection changed it after it was read: by the extractor
    /// [`Session`](crate::Session) in this event, or otherwise by this call.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it was changed, [`StoreError::SessionTooLarge`] over 32 KB of JSON,
    /// [`StoreError::BadSession`] if it cannot be encoded as JSON, [`StoreError::NotConnected`].
    pub async fn save<T: Serialize>(&self, session: &T) -> Result<(), StoreError> {
        let session = encode(session)?;
        let record = self
            .record_cache
            .read(&self.sender, &self.id, self.at)
            .await?;
        let record = record.ok_or(StoreError::NotConnected)?;
        self.record_cache.invalidate().await;
        let store = self.sender.store();
        let saved = store.save(&self.id, self.at, &session, record.version);
        saved.await.map(drop)
    }

    /// Returns the connection's user, if the router keeps presences. It is read before a change, because the record
    /// may be gone afterwards.
    async fn present_user(&self) -> Result<Option<String>, StoreError> {
        match self.sender.ledger() {
            Some(_) => {
                self.record_cache
                    .user(&self.sender, &self.id, self.at)
                    .await
            }
            None => Ok(None),
        }
    }

    /// Makes the user present in a room that the connection has joined.
    async fn arrive(&self, user: Option<String>, room: &str) -> Result<(), StoreError> {
        let (Some(user), Some(ledger)) = (user, self.sender.ledger()) else {
            return Ok(());
        };
        if ledger.touch(room, &user).await? {
            self.sender.effects().join(user, room);
        }
        Ok(())
    }

    /// Stores the departure of the user before the connection leaves rooms: a process that ends in between loses no
    /// departure. If the connection does not leave, the user stays present.
    async fn depart(&self, user: Option<String>, rooms: Vec<String>) {
        let Some(user) = user.filter(|_| !rooms.is_empty()) else {
            return;
        };
        let departure = PendingChange {
            id: self.id.clone(),
            at: self.at,
            api: self.sender.api(),
            user,
            rooms,
        };
        self.sender.depart(&[departure]).await;
    }
}

fn encode<T: Serialize>(session: &T) -> Result<String, StoreError> {
    let session = serde_json::to_string(session).map_err(StoreError::BadSession)?;
    match session.len() {
        0..=SESSION_BYTES => Ok(session),
        bytes => Err(StoreError::SessionTooLarge(bytes)),
    }
}
