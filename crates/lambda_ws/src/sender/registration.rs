//! Connections that another program has accepted.

use super::Sender;
use crate::ConnectionId;
use crate::error::SendError;
use crate::store::{MAX_ROOMS, Record, StoreError, check_name};

impl Sender {
    /// Registers an open connection that another program accepted, such as the function that this one replaces. Returns
    /// `false` if the connection is already registered.
    ///
    /// Every connection that this library accepts is registered. Only other connections need this call: without it they
    /// receive no broadcast and cannot join a room. See [the guide](crate::guide::migration).
    ///
    /// GetConnection tells when the connection was opened, and is called again after the registration: a connection that
    /// ends meanwhile leaves no record. Only one program may register a connection at a time. A `joined` handler does not
    /// run.
    ///
    /// ```
    /// use lambda_ws::{ConnectionId, Error, SendError, Sender};
    ///
    /// async fn import(sender: &Sender, old: Vec<ConnectionId>) -> Result<usize, Error> {
    ///     let mut registered = 0;
    ///     for id in old {
    ///         match sender.register(&id, None, ["lobby"]).await {
    ///             Ok(_) => registered += 1,
    ///             Err(SendError::Gone) => {}
    ///             Err(error) => return Err(error.into()),
    ///         }
    ///     }
    ///     Ok(registered)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError::Gone`] if the connection has ended, [`StoreError::BadName`], [`StoreError::TooManyRooms`], and those
    /// of [`Sender::send`].
    pub async fn register<'r>(
        &self,
        id: &ConnectionId,
        user: Option<&str>,
        rooms: impl IntoIterator<Item = &'r str>,
    ) -> Result<bool, SendError> {
        let rooms = rooms.into_iter().map(str::to_owned).collect();
        self.register_in(id, user.map(str::to_owned), rooms).await
    }

    async fn register_in(
        &self,
        id: &ConnectionId,
        user: Option<String>,
        rooms: std::collections::BTreeSet<String>,
    ) -> Result<bool, SendError> {
        rooms
            .iter()
            .chain(&user)
            .try_for_each(|name| check_name(name))?;
        if rooms.len() > MAX_ROOMS {
            return Err(StoreError::TooManyRooms.into());
        }
        let at = self.inspect(id).await?.connected_at;
        let store = self.store();
        let found = store.record(id, self.now()).await?;
        if found.is_some_and(|found| found.at == at) {
            return Ok(false);
        }
        let api = self.api().unwrap_or_default();
        let mut record = Record::new(id.clone(), at, api, self.now());
        (record.user, record.rooms) = (user, rooms);
        store.register(&record).await?;
        match self.inspect(id).await {
            Ok(_) => Ok(true),
            Err(SendError::Gone) => {
                store.remove(id, at).await?;
                Err(SendError::Gone)
            }
            // The record is right, or expires.
            Err(error) => Err(error),
        }
    }
}
