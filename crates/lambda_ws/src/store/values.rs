//! Values that belong to no connection.

use crate::Timestamp;
use crate::error::StoreError;
use lambda_ws_protocol::table_layout::VALUE_BYTES;
use serde::Serialize;
use std::time::Duration;

/// Keeps values that belong to no connection, such as those of [`Kv`](crate::Kv) and
/// [tickets](crate::auth::Tickets): each by its key, of 1 to 256 bytes, in a namespace, of 1 to 260.
/// What has expired at `now` is not there, whether it was removed or not; when a value expires is given
/// in whole seconds.
///
/// Every value has a version, below 2<sup>53</sup>, so that JavaScript can hold it. No two contents of a
/// key ever have the same one, also if it was removed in between.
///
/// # What is promised
///
/// - The operations on one key take effect one after another, each at a moment between its call and its
///   return, and what each returns fits that order.
/// - What was cut off, or ended with [`StoreError::Unavailable`], is done or not.
///
/// A database that is asked again, because its answer was lost, may do twice what it is asked: of
/// `write`, `delete`, `take`, and of `replace` where nothing was, also over what others did in between.
/// What is replaced at a version is replaced once.
pub trait KeyValueStore: Send + Sync + 'static {
    /// The value, strongly consistent.
    fn read(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Value>, StoreError>> + Send;

    /// Keeps a value, whatever was there, until `expires` if that is given; returns its version.
    fn write(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Keeps a value, if what is there has this `version`, or, with `None`, if nothing is there; returns
    /// the next version. Of several calls with the same version one succeeds, and knows it even if the
    /// database's answer is lost on its way.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`], if another version is there, or none.
    fn replace(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
        version: Option<u64>,
        now: Timestamp,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Keeps a value, until `expires` if that is given, unless there is one already. Returns whether it
    /// is kept: `true` to one of several callers with the same key.
    fn insert(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let replaced = self.replace(namespace, key, value, expires, None, now);
        async {
            match replaced.await {
                Ok(_) => Ok(true),
                Err(StoreError::Conflict) => Ok(false),
                Err(error) => Err(error),
            }
        }
    }

    /// Removes a value. Returns whether there was one; if the database's answer is lost on its way,
    /// `false`.
    fn delete(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes a value of this `version`. Returns whether it was there; if the database's answer is lost on
    /// its way, `false`.
    fn delete_if(
        &self,
        namespace: &str,
        key: &str,
        version: u64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes a value and returns it: to one caller at most, however many there are. If the database's
    /// answer is lost on its way, to nobody: a ticket is then used up.
    fn take(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// One page of the keys that begin with `prefix`, which may be empty, in the order of their bytes,
    /// beginning behind the key `after`, strongly consistent.
    fn keys(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        now: Timestamp,
    ) -> impl Future<Output = Result<KeyPage, StoreError>> + Send;

    /// One page of at most `most` values whose keys begin with `prefix`, as [`keys`](Self::keys) returns
    /// the keys. Without an implementation of its own it is one request for the keys and one for each
    /// value.
    fn entries(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        most: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<Entries, StoreError>> + Send {
        async move {
            let KeyPage { mut keys, mut next } = self.keys(namespace, prefix, after, now).await?;
            if keys.len() > most {
                keys.truncate(most);
                next = keys.last().cloned();
            }
            let mut entries = Vec::with_capacity(keys.len());
            for key in keys {
                if let Some(value) = self.read(namespace, &key, now).await? {
                    entries.push((key, value));
                }
            }
            Ok(Entries { entries, next })
        }
    }

    /// Many values by namespace and key, each as [`read`](Self::read) returns it, in the same order.
    /// Without an implementation of its own it is one request for each.
    fn read_all(
        &self,
        keys: &[(String, String)],
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Option<Value>>, StoreError>> + Send {
        async move {
            let mut values = Vec::with_capacity(keys.len());
            for (namespace, key) in keys {
                values.push(self.read(namespace, key, now).await?);
            }
            Ok(values)
        }
    }

    /// Removes many values of a namespace. An error leaves some of them. Without an implementation of its
    /// own it is one request for each.
    fn delete_all(
        &self,
        namespace: &str,
        keys: &[String],
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move {
            for key in keys {
                self.delete(namespace, key, now).await?;
            }
            Ok(())
        }
    }
}

/// A value as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The value, as JSON.
    pub value: String,
    /// Another one after every change.
    pub version: u64,
    /// When it is over, if it ever is.
    pub expires: Option<Timestamp>,
}

/// A part of the keys in a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPage {
    /// Some of them; there may be none, and still a next page.
    pub keys: Vec<String>,
    /// Where the next page begins: behind this one.
    pub next: Option<String>,
}

/// A part of the values in a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    /// Some of them by their keys; there may be none, and still a next page.
    pub entries: Vec<(String, Value)>,
    /// Where the next page begins: after this key.
    pub next: Option<String>,
}

/// A value as it is kept.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    let value = serde_json::to_string(value).map_err(StoreError::BadValue)?;
    match value.len() {
        0..=VALUE_BYTES => Ok(value),
        bytes => Err(StoreError::ValueTooLarge(bytes)),
    }
}

/// When a value is over that is kept for `ttl`: in whole seconds, as DynamoDB's time to live has them,
/// and never too early.
pub(crate) fn expiry(now: Timestamp, ttl: Duration) -> Timestamp {
    Timestamp::from_secs((now + ttl).millis().div_ceil(1000))
}
