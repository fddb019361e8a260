//! The stored data of a user in a room.

use crate::Timestamp;
use crate::presence::ledger::{ATTEMPTS, VALUE};
use crate::presence::{PresenceLedger, namespace};
use crate::store::{PRESENCE_BYTES, Record, StoreError, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::Duration;

/// The stored value of a user with data. The value of a user without data is [`VALUE`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Stored<'a> {
    #[serde(borrow)]
    pub(crate) data: &'a RawValue,
    /// When the data was set. It increases with each change.
    pub(crate) at: Timestamp,
}

impl<'a> Stored<'a> {
    pub(crate) fn of(value: &'a str) -> Option<Self> {
        serde_json::from_str(value).ok()
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_str(self.data.get()).map_err(StoreError::BadPresence)
    }
}

/// Encodes the data of a user.
pub(crate) fn encode<T: Serialize + ?Sized>(data: &T) -> Result<Box<RawValue>, StoreError> {
    let data = serde_json::value::to_raw_value(data).map_err(StoreError::BadPresence)?;
    match data.get().len() {
        0..=PRESENCE_BYTES => Ok(data),
        bytes => Err(StoreError::PresenceTooLarge(bytes)),
    }
}

/// The value of `data` that replaces `found`.
fn value(data: &RawValue, found: Option<&Stored<'_>>, now: Timestamp) -> String {
    let next = |found: &Stored<'_>| found.at + Duration::from_millis(1);
    let at = found.map_or(now, |found| now.max(next(found)));
    let value = serde_json::to_string(&Stored { data, at });
    value.expect("JSON and numbers are always JSON")
}

/// The result of a change of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// The user is not present.
    Absent,
    /// A concurrent change is newer.
    Outdated,
    Done,
}

impl PresenceLedger<'_> {
    /// Sets the data of a present user. Of concurrent changes the one that began last wins.
    pub(crate) async fn set_data(
        &self,
        room: &str,
        user: &str,
        data: &RawValue,
    ) -> Result<Write, StoreError> {
        let (namespace, began) = (namespace(room), self.clock.now());
        for attempt in 0..ATTEMPTS {
            let Some(found) = self.find(&namespace, user).await? else {
                return Ok(Write::Absent);
            };
            let stored = Stored::of(&found.value);
            // Only a conflict proves that the other change is concurrent. Otherwise it is older, although the clock of
            // its process may be ahead.
            if attempt > 0 && stored.as_ref().is_some_and(|stored| stored.at > began) {
                return Ok(Write::Outdated);
            }
            let value = value(data, stored.as_ref(), began);
            if self.replace(&namespace, user, &value, &found).await? {
                return Ok(Write::Done);
            }
        }
        Err(StoreError::Conflict)
    }

    /// Changes the data of a present user. `change` runs again after each concurrent change.
    pub(crate) async fn update_data(
        &self,
        room: &str,
        user: &str,
        mut change: impl FnMut(Option<Stored<'_>>) -> Result<Box<RawValue>, StoreError>,
    ) -> Result<Write, StoreError> {
        let namespace = namespace(room);
        for _ in 0..ATTEMPTS {
            let Some(found) = self.find(&namespace, user).await? else {
                return Ok(Write::Absent);
            };
            let data = change(Stored::of(&found.value))?;
            let stored = Stored::of(&found.value);
            let value = value(&data, stored.as_ref(), self.clock.now());
            if self.replace(&namespace, user, &value, &found).await? {
                return Ok(Write::Done);
            }
        }
        Err(StoreError::Conflict)
    }

    /// Makes a user present with data, after a connection has joined the room: see [`PresenceLedger::touch`]. Returns
    /// whether the user was absent, and whether a present user has other data than before.
    pub(super) async fn touch_with(
        &self,
        room: &str,
        user: &str,
        data: &RawValue,
    ) -> Result<(bool, bool), StoreError> {
        let (namespace, began) = (namespace(room), self.clock.now());
        for attempt in 0..ATTEMPTS {
            let found = self.find(&namespace, user).await?;
            let stored = found.as_ref().and_then(|found| Stored::of(&found.value));
            if attempt > 0 && stored.as_ref().is_some_and(|stored| stored.at > began) {
                return Ok((false, false));
            }
            let is_same = stored
                .as_ref()
                .is_some_and(|stored| stored.data.get() == data.get());
            let value = match &found {
                Some(found) if is_same => found.value.clone(),
                _ => value(data, stored.as_ref(), began),
            };
            let version = found.as_ref().map(|found| found.version);
            let now = self.clock.now();
            let expires = Some(Record::expiry(now, now));
            let touched = self
                .store
                .replace_value(&namespace, user, &value, expires, version, now);
            match touched.await {
                Ok(_) => return Ok((found.is_none(), found.is_some() && !is_same)),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Returns the values of users in a room, in the same order.
    pub(super) async fn values(
        &self,
        room: &str,
        users: &[String],
    ) -> Result<Vec<Option<Value>>, StoreError> {
        let namespace = namespace(room);
        let key = |user: &String| (namespace.clone(), user.clone());
        let keys: Vec<_> = users.iter().map(key).collect();
        self.store.read_values(&keys, self.clock.now()).await
    }

    async fn find(&self, namespace: &str, user: &str) -> Result<Option<Value>, StoreError> {
        let now = self.clock.now();
        self.store.read_value(namespace, user, now).await
    }

    /// Replaces a value, unless it has changed since. Whether it is replaced.
    async fn replace(
        &self,
        namespace: &str,
        user: &str,
        value: &str,
        found: &Value,
    ) -> Result<bool, StoreError> {
        let (version, now) = (Some(found.version), self.clock.now());
        let replaced =
            self.store
                .replace_value(namespace, user, value, found.expires, version, now);
        match replaced.await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The value of a user whose data could not be read.
pub(super) fn no_data() -> Box<str> {
    VALUE.into()
}
