//! The users who are present in a room.

use super::Sender;
use crate::presence::{
    PendingChange, PresenceLedger, PresenceState, UserPresence, Write, encode, namespace,
};
use crate::store::{Entries, KeyPage, StoreError, check_name};
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The number of users with data that are read together.
const PAGE: usize = 500;

/// The users who are present in a room, each once. See [`Sender::presence`].
#[must_use = "presences are read when you call one of its methods"]
#[derive(Debug, Clone)]
pub struct RoomPresence {
    sender: Sender,
    room: String,
}

impl RoomPresence {
    pub(crate) fn new(sender: Sender, room: String) -> Self {
        Self { sender, room }
    }

    /// Returns the users in the order of the bytes of their names, read page by page. Users who join or leave
    /// meanwhile may be missing or included.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error: [`StoreError::NoPresence`], [`StoreError::BadName`] or
    /// [`StoreError::Unavailable`].
    pub fn users(&self) -> impl Stream<Item = Result<String, StoreError>> + Send + Unpin + use<> {
        let pages = self.pages().map_ok(|users| stream::iter(users).map(Ok));
        pages.try_flatten().boxed()
    }

    /// Returns the first users, at most `most`, in the same order, and whether there are more. It reads about as many
    /// names as it returns, regardless of the size of the room: one read unit for about 50.
    ///
    /// # Errors
    ///
    /// As [`users`](Self::users).
    pub async fn first(&self, most: usize) -> Result<(Vec<String>, bool), StoreError> {
        self.check()?;
        let (namespace, now) = (namespace(&self.room), self.sender.now());
        let store = self.sender.store();
        let (mut users, mut after) = (Vec::new(), None);
        loop {
            let wanted = most + 1 - users.len();
            let page = store.value_entries(&namespace, "", after.as_deref(), wanted, now);
            let Entries { entries, next } = page.await?;
            users.extend(entries.into_iter().map(|(user, _)| user));
            let has_more = users.len() > most;
            if has_more || next.is_none() {
                users.truncate(most);
                return Ok((users, has_more));
            }
            after = next;
        }
    }

    /// Returns the number of users.
    ///
    /// # Errors
    ///
    /// As [`users`](Self::users).
    pub async fn count(&self) -> Result<usize, StoreError> {
        let pages = self.pages();
        pages
            .try_fold(0, async |count, users| Ok(count + users.len()))
            .await
    }

    /// Returns whether a user is present, with one request of one read unit.
    ///
    /// # Errors
    ///
    /// As [`users`](Self::users).
    pub async fn contains(&self, user: &str) -> Result<bool, StoreError> {
        check_name(user)?;
        self.check()?;
        let (namespace, now) = (namespace(&self.room), self.sender.now());
        let store = self.sender.store();
        let found = store.read_value(&namespace, user, now).await?;
        Ok(found.is_some())
    }

    /// Returns the users with their data, in the order of the bytes of their names. It costs the same as
    /// [`users`](Self::users), because both read the data.
    ///
    /// # Errors
    ///
    /// As [`users`](Self::users); [`StoreError::BadPresence`] if data is not a `T`.
    pub fn users_with_data<T>(
        &self,
    ) -> impl Stream<Item = Result<UserPresence<T>, StoreError>> + Send + Unpin + use<T>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let this = self.clone();
        let pages = stream::try_unfold(Some(None), move |after: Option<Option<String>>| {
            let this = this.clone();
            async move {
                let Some(after) = after else { return Ok(None) };
                this.check()?;
                let (namespace, now) = (namespace(&this.room), this.sender.now());
                let store = this.sender.store();
                let page = store.value_entries(&namespace, "", after.as_deref(), PAGE, now);
                let Entries { entries, next } = page.await?;
                let entries = entries.into_iter();
                let users = entries.map(|(user, value)| UserPresence::read(user, &value.value));
                let users: Vec<_> = users.collect();
                Ok(Some((stream::iter(users), next.map(Some))))
            }
        });
        pages.try_flatten().boxed()
    }

    /// Returns a user with the data of the user, or `None` if the user is not present. It is one request of one read
    /// unit.
    ///
    /// # Errors
    ///
    /// As [`users_with_data`](Self::users_with_data).
    pub async fn get<T: DeserializeOwned>(
        &self,
        user: &str,
    ) -> Result<Option<UserPresence<T>>, StoreError> {
        check_name(user)?;
        self.check()?;
        let (namespace, now) = (namespace(&self.room), self.sender.now());
        let found = self
            .sender
            .store()
            .read_value(&namespace, user, now)
            .await?;
        found
            .map(|found| UserPresence::read(user.to_owned(), &found.value))
            .transpose()
    }

    /// Sets the data of a present user, for all connections of the user. Returns whether the user is present.
    /// Otherwise no data is stored.
    ///
    /// The handler [`changed`](crate::Router::changed) announces the data. If several processes set it concurrently,
    /// the call that began last wins. It takes one read and two writes. A program that serves no events
    /// ([`Sender::from_env`](crate::Sender::from_env)) stores the data without an announcement.
    ///
    /// # Errors
    ///
    /// [`StoreError::PresenceTooLarge`] over 1 KB of JSON, [`StoreError::BadPresence`] if it cannot be encoded as
    /// JSON, [`StoreError::NoPresenceData`] if the router has no `changed` handler, [`StoreError::Conflict`] after
    /// repeated concurrent changes; the errors of [`users`](Self::users).
    pub async fn set<T: Serialize + ?Sized>(
        &self,
        user: &str,
        data: &T,
    ) -> Result<bool, StoreError> {
        let data = encode(data)?;
        self.set_json(user, &data).await
    }

    /// Changes the data of a present user, and returns the new data. Returns `None` if the user is not present.
    /// `change` gets the present data, if there is any. It runs again after each concurrent change, so no change is
    /// lost. See [`set`](Self::set).
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set); [`StoreError::BadPresence`] if the present data is not a `T`.
    pub async fn update<T: Serialize + DeserializeOwned>(
        &self,
        user: &str,
        mut change: impl FnMut(Option<T>) -> T,
    ) -> Result<Option<T>, StoreError> {
        let mut new = None;
        let ledger = self.data_ledger(user)?;
        let written = ledger.update_data(&self.room, user, |stored| {
            let old = stored.map(|stored| stored.read()).transpose()?;
            encode(new.insert(change(old)))
        });
        let written = written.await?;
        self.announce(ledger, user, written).await?;
        Ok(new.filter(|_| written == Write::Done))
    }

    async fn set_json(&self, user: &str, data: &RawValue) -> Result<bool, StoreError> {
        let ledger = self.data_ledger(user)?;
        let written = ledger.set_data(&self.room, user, data).await?;
        self.announce(ledger, user, written).await?;
        Ok(written != Write::Absent)
    }

    /// Stores that new data has to be announced. An outdated change is announced by the newer one.
    async fn announce(
        &self,
        ledger: PresenceLedger<'_>,
        user: &str,
        written: Write,
    ) -> Result<(), StoreError> {
        let Some(presences) = self.sender.presences().filter(|_| written == Write::Done) else {
            return Ok(());
        };
        let (room, user) = (self.room.clone(), user.to_owned());
        let change = PendingChange::of_data(self.sender.api(), room, user, self.sender.now());
        presences.change(ledger, change).await
    }

    fn data_ledger(&self, user: &str) -> Result<PresenceLedger<'_>, StoreError> {
        check_name(user)?;
        self.check()?;
        let presences = self.sender.presences();
        if presences
            .map(PresenceState::data)
            .is_some_and(|data| data.is_none())
        {
            return Err(StoreError::NoPresenceData);
        }
        Ok(PresenceLedger {
            store: self.sender.store(),
            clock: &*self.sender.0.clock,
        })
    }

    fn pages(&self) -> impl Stream<Item = Result<Vec<String>, StoreError>> + Send + use<> {
        let this = self.clone();
        stream::try_unfold(Some(None), move |after: Option<Option<String>>| {
            let this = this.clone();
            async move {
                let Some(after) = after else { return Ok(None) };
                this.check()?;
                let (namespace, now) = (namespace(&this.room), this.sender.now());
                let store = this.sender.store();
                let page = store.value_keys(&namespace, "", after.as_deref(), now);
                let KeyPage { keys, next } = page.await?;
                Ok(Some((keys, next.map(Some))))
            }
        })
    }

    fn check(&self) -> Result<(), StoreError> {
        check_name(&self.room)?;
        let presences = self.sender.presences();
        match presences.is_none_or(|presences| presences.is_enabled()) {
            true => Ok(()),
            false => Err(StoreError::NoPresence),
        }
    }
}
