//! Values that belong to no connection.

use crate::Timestamp;
use crate::error::StoreError;
use lambda_ws_protocol::table_layout::VALUE_BYTES;
use serde::Serialize;
use std::time::Duration;

/// Stores values that belong to no connection, such as those of [`Kv`](crate::Kv) and
/// [tickets](crate::auth::Tickets). Each value has a key of 1 to 256 bytes in a namespace of 1 to 260. An expired
/// value counts as missing. The expiry has whole seconds.
///
/// Every value has a version below 2<sup>53</sup>, so that it fits into a JavaScript number. No two values of a key
/// ever have the same version, also if the key was deleted in between.
///
/// # Guarantees
///
/// - The operations on one key take effect one after another, each between its call and its return. Each result fits
///   that order.
/// - A cancelled operation, or one that returned [`StoreError::Unavailable`], may have taken effect or not.
///
/// A database client that repeats a request after a lost response may execute `write`, `delete`, `take`, and `replace`
/// without a version twice, and undo changes of other callers in between. `replace` at a version takes effect once.
pub trait KeyValueStore: Send + Sync + 'static {
    /// Returns the value with a strongly consistent read.
    fn read(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Value>, StoreError>> + Send;

    /// Stores a value, until `expires` if given, and replaces any other. Returns its version.
    fn write(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Replaces the value with this `version`, or, with `None`, stores a value if there is none. Returns the next
    /// version. Exactly one of several calls with the same version succeeds, also if the database's response to it is
    /// lost.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the stored version differs, or the value is missing.
    fn replace(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
        version: Option<u64>,
        now: Timestamp,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Stores a value, until `expires` if given, unless there is one already. Returns whether it is stored: `true` to
    /// one of several callers with the same key.
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

    /// Removes a value. Returns whether there was one, or `false` if the database's response is lost.
    fn delete(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes a value with this `version`. Returns whether there was one, or `false` if the database's response is
    /// lost.
    fn delete_if(
        &self,
        namespace: &str,
        key: &str,
        version: u64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes a value and returns it to at most one caller. If the database's response is lost, no caller gets it: a
    /// ticket is then used up.
    fn take(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// Returns one page of the keys that begin with `prefix`, which may be empty, in the order of their bytes, after
    /// the key `after`. The read is strongly consistent.
    fn keys(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        now: Timestamp,
    ) -> impl Future<Output = Result<KeyPage, StoreError>> + Send;

    /// Returns one page of at most `most` values with keys that begin with `prefix`, in the order of
    /// [`keys`](Self::keys). The default implementation needs one request for the keys and one for each value.
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

    /// Returns many values by namespace and key, in the same order, each as from [`read`](Self::read). The default
    /// implementation needs one request for each.
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

    /// Removes many values of a namespace. After an error some of them may remain. The default implementation needs
    /// one request for each.
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

/// A stored value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The value, as JSON.
    pub value: String,
    /// The version. It changes with every write.
    pub version: u64,
    /// The expiry, if there is one.
    pub expires: Option<Timestamp>,
}

/// A part of the keys in a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPage {
    /// Some of the keys. A page without keys may still have a next page.
    pub keys: Vec<String>,
    /// The cursor of the next page, which begins after this key.
    pub next: Option<String>,
}

/// A part of the values in a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    /// Some of the values by their keys. A page without values may still have a next page.
    pub entries: Vec<(String, Value)>,
    /// The cursor of the next page, which begins after this key.
    pub next: Option<String>,
}

pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    let value = serde_json::to_string(value).map_err(StoreError::BadValue)?;
    match value.len() {
        0..=VALUE_BYTES => Ok(value),
        bytes => Err(StoreError::ValueTooLarge(bytes)),
    }
}

/// Returns the expiry of a value that is stored for `ttl`, in whole seconds and never too early.
pub(crate) fn expiry(now: Timestamp, ttl: Duration) -> Timestamp {
    Timestamp::from_secs((now + ttl).millis().div_ceil(1000))
}
