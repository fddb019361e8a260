//! Values by key that belong to no connection. See [`Kv`].

mod entry;
mod keys;
mod namespaced;
#[cfg(test)]
mod tests;
mod update;

pub use entry::{Entry, Version};
pub use namespaced::Namespaced;

use crate::Timestamp;
use crate::sender::Sender;
use crate::store::{StoreError, Value, check_name, encode_value, value_expiry};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// Values of one type, by key, for data that outlives a connection, such as scores, settings, permissions or
/// counters. They are stored in the connections table. Clones are cheap.
///
/// Handlers of any kind take it as an argument if `T` implements [`Namespaced`]. Elsewhere, and for other types or
/// namespaces, use [`Kv::new`].
///
/// ```
/// use lambda_ws::{Error, Json, Namespaced, Kv, Router};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Score {
///     points: u32,
/// }
///
/// impl Namespaced for Score {
///     const NAMESPACE: &'static str = "scores";
/// }
///
/// async fn goal(scores: Kv<Score>, Json(team): Json<String>) -> Result<Json<Score>, Error> {
///     let score = scores.update(&team, |score| Score {
///         points: score.map_or(0, |score| score.points) + 1,
///     });
///     Ok(Json(score.await?))
/// }
///
/// # use lambda_ws::testing::Gateway;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let gateway = Gateway::new(Router::new().fallback(goal));
/// let mut ann = gateway.connect("/").await.expect("accepted");
/// ann.send(r#""red""#).await;
/// ann.send(r#""red""#).await;
/// assert_eq!(ann.recv_all(), [r#"{"points":1}"#, r#"{"points":2}"#]);
///
/// // Outside of handlers.
/// let scores = Kv::<Score>::of(&gateway.sender());
/// assert_eq!(scores.get("red").await?.map(|score| score.points), Some(2));
/// assert!(scores.get("blue").await?.is_none());
/// # Ok(())
/// # }
/// ```
///
/// # Limits and costs
///
/// Keys and namespaces have 1 to 256 bytes, and a value has at most 32 KB of JSON. Each operation is one request, of
/// one unit for each 4 KB read or each 1 KB written, also if it is rejected. An update takes two requests. One key
/// accepts at most 1 000 writes of 1 KB per second. A namespace is one partition of the table and may have the same
/// limit.
///
/// Applications cannot access the library's own namespaces, such as tickets.
///
/// # Concurrency
///
/// Reads see all earlier writes. [`set`](Self::set) replaces any value, so two concurrent read-change-set sequences
/// lose one change. [`update`](Self::update) and [`set_if`](Self::set_if) detect this. After
/// [`StoreError::Unavailable`] the operation may have taken effect or not.
///
/// The SDK repeats a request whose response is lost. So `set`, [`delete`](Self::delete), and `set_if` without a
/// version may take effect twice, and undo changes that others made within that second. A `set_if` with a version
/// takes effect once.
pub struct Kv<T> {
    sender: Sender,
    namespace: Arc<str>,
    ttl: Option<Duration>,
    of: PhantomData<fn() -> T>,
}

/// The prefix of the applications' namespaces in the store. The library's own namespaces do not have it.
const PREFIX: &str = "kv:";

impl<T> Kv<T> {
    /// Returns the values in a namespace, of any type, in the store of `sender`.
    ///
    /// Reading a value as another type fails with [`StoreError::BadValue`]: use one type for each namespace, as with
    /// [`Namespaced`].
    ///
    /// ```
    /// use lambda_ws::{Error, Kv, Sender};
    /// use std::time::Duration;
    ///
    /// async fn is_flooding(sender: &Sender, user: &str) -> Result<bool, Error> {
    ///     let knocks = Kv::<u32>::new(sender, "knocks").with_ttl(Duration::from_secs(60));
    ///     Ok(knocks.update(user, |knocks| knocks.unwrap_or(0) + 1).await? > 10)
    /// }
    /// # use lambda_ws::{Router, testing::Gateway};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let gateway = Gateway::new(Router::new());
    /// # let sender = gateway.sender();
    /// # for _ in 0..10 {
    /// #     assert!(!is_flooding(&sender, "ann").await?);
    /// # }
    /// # assert!(is_flooding(&sender, "ann").await?);
    /// # assert!(!is_flooding(&sender, "bob").await?);
    /// # gateway.advance(Duration::from_secs(60)).await;
    /// # assert!(!is_flooding(&sender, "ann").await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(sender: &Sender, namespace: impl AsRef<str>) -> Self {
        Self {
            sender: sender.clone(),
            namespace: format!("{PREFIX}{}", namespace.as_ref()).into(),
            ttl: None,
            of: PhantomData,
        }
    }

    /// Returns the values in the namespace of their type, in the store of `sender`.
    pub fn of(sender: &Sender) -> Self
    where
        T: Namespaced,
    {
        Self::new(sender, T::NAMESPACE)
    }

    /// Sets the time to live of written values, rounded up to a second. An expired value counts as missing, even
    /// before DynamoDB removes it.
    ///
    /// ```
    /// # use lambda_ws::{Error, Kv, Router, testing::Gateway};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let gateway = Gateway::new(Router::new());
    /// let polls = Kv::<String>::new(&gateway.sender(), "polls");
    /// let day = Duration::from_secs(24 * 60 * 60);
    /// polls.clone().with_ttl(day).set("lunch", &"pizza?".to_owned()).await?;
    ///
    /// gateway.advance(day).await;
    /// assert_eq!(polls.get("lunch").await?, None);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self {
            ttl: Some(ttl),
            ..self
        }
    }

    /// Removes a value. Returns whether it existed.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadName`], [`StoreError::Unavailable`].
    pub async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        let namespace = self.checked(key)?;
        let store = self.sender.store();
        store.delete_value(namespace, key, self.sender.now()).await
    }

    /// Validates the namespace and a key, and returns the namespace in the store.
    fn checked(&self, key: &str) -> Result<&str, StoreError> {
        check_name(&self.namespace[PREFIX.len()..])?;
        check_name(key)?;
        Ok(&self.namespace)
    }

    fn expiry(&self) -> Option<Timestamp> {
        self.ttl.map(|ttl| value_expiry(self.sender.now(), ttl))
    }

    async fn replace(
        &self,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
        version: Option<Version>,
    ) -> Result<Version, StoreError> {
        let namespace = self.checked(key)?;
        let (version, now) = (version.map(|version| version.0), self.sender.now());
        let store = self.sender.store();
        let next = store.replace_value(namespace, key, value, expires, version, now);
        next.await.map(Version)
    }
}

impl<T: DeserializeOwned> Kv<T> {
    /// Returns the value of a key, if it exists.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadValue`] if it is not a valid `T`, [`StoreError::BadName`], [`StoreError::Unavailable`].
    pub async fn get(&self, key: &str) -> Result<Option<T>, StoreError> {
        Ok(self.entry(key).await?.map(|entry| entry.value))
    }

    /// Returns the value of a key with its version for [`set_if`](Self::set_if), if it exists.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn entry(&self, key: &str) -> Result<Option<Entry<T>>, StoreError> {
        let namespace = self.checked(key)?;
        let store = self.sender.store();
        let found = store.read_value(namespace, key, self.sender.now()).await?;
        found.map(|found| self.decoded(key, found)).transpose()
    }

    fn decoded(&self, key: &str, found: Value) -> Result<Entry<T>, StoreError> {
        let value = serde_json::from_str(&found.value).map_err(|error| {
            let (namespace, wanted) = (&self.namespace[PREFIX.len()..], std::any::type_name::<T>());
            let which = format!(
                "`{key}` in the namespace `{namespace}` is not a valid `{wanted}`: {error}"
            );
            StoreError::BadValue(serde::de::Error::custom(which))
        });
        Ok(Entry {
            value: value?,
            version: Version(found.version),
            expires: found.expires,
        })
    }
}

impl<T: Serialize> Kv<T> {
    /// Stores a value and replaces any other. Returns its version.
    ///
    /// # Errors
    ///
    /// [`StoreError::ValueTooLarge`] over 32 KB of JSON, [`StoreError::BadValue`] if it cannot be encoded as JSON,
    /// [`StoreError::BadName`], [`StoreError::Unavailable`].
    pub async fn set(&self, key: &str, value: &T) -> Result<Version, StoreError> {
        let (namespace, value) = (self.checked(key)?, encode_value(value)?);
        let store = self.sender.store();
        let written = store.write_value(namespace, key, &value, self.expiry());
        written.await.map(Version)
    }

    /// Replaces the value with this version, or, with `None`, stores a value if there is none. Returns the next
    /// version. Exactly one of several calls with the same version succeeds.
    ///
    /// ```
    /// # use lambda_ws::{Error, Kv, Router, store::StoreError, testing::Gateway};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let gateway = Gateway::new(Router::new());
    /// let hosts = Kv::<String>::new(&gateway.sender(), "hosts");
    /// let (ann, bob) = ("ann".to_owned(), "bob".to_owned());
    /// let first = hosts.set_if("tea", &ann, None).await?;
    /// let second = hosts.set_if("tea", &bob, None).await;
    /// assert!(matches!(second, Err(StoreError::Conflict)));
    ///
    /// hosts.set_if("tea", &bob, first).await?; // ann hands it over
    /// # assert_eq!(hosts.get("tea").await?, Some(bob));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the version has changed or the value is missing; the errors of [`set`](Self::set).
    pub async fn set_if(
        &self,
        key: &str,
        value: &T,
        version: impl Into<Option<Version>>,
    ) -> Result<Version, StoreError> {
        let value = encode_value(value)?;
        self.replace(key, &value, self.expiry(), version.into())
            .await
    }
}

impl<T> Clone for Kv<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            namespace: self.namespace.clone(),
            ttl: self.ttl,
            of: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Kv<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kv")
            .field("namespace", &&self.namespace[PREFIX.len()..])
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
