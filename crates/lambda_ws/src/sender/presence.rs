//! The users who are present in a room.

use super::Sender;
use crate::presence::namespace;
use crate::store::{Entries, KeyPage, StoreError, check_name};
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};

/// The users who are present in a room, each once. See [`Sender::presence`].
#[must_use = "presences are read when you call `users`, `count` or `contains`"]
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
