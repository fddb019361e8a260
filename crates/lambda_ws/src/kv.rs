//! Values by key that belong to no connection: see [`Kv`].

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

/// Values of one type, by key, that belong to no connection and outlive all: scores, settings, who may
/// speak, how often somebody knocked. They are kept where the connections are; cheap to clone.
///
/// In a handler of any kind it is an argument, if `T` says by [`Namespaced`] in which namespace its values
/// are. Elsewhere, and for any other type or namespace, [`Kv::new`] makes one.
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
/// // Elsewhere.
/// let scores = Kv::<Score>::of(&gateway.sender());
/// assert_eq!(scores.get("red").await?.map(|score| score.points), Some(2));
/// assert!(scores.get("blue").await?.is_none());
/// # Ok(())
/// # }
/// ```
///
/// # Limits and costs
///
/// Keys and namespaces have 1 to 256 bytes, a value has at most 32 KB of JSON. Each operation is one
/// request, of a unit for each 4 KB read or each 1 KB written, also if it is refused; an update is two.
/// One key takes at most 1 000 writes a second of 1 KB, and a namespace, which is one partition of the
/// table, may take no more.
///
/// Namespaces are the application's alone: no name reaches what the library keeps, such as tickets.
///
/// # Beside others
///
/// Whatever is written is there for whoever reads after that. [`set`](Self::set) replaces whatever is
/// there, so of two who read, change and set, one is lost: [`update`](Self::update) and
/// [`set_if`](Self::set_if) notice. A [`StoreError::Unavailable`] is done or not.
///
/// If an answer of DynamoDB's is lost, the SDK asks again. `set`, [`delete`](Self::delete) and a
/// `set_if` where nothing was may so be done twice, also over what others did within that second; what
/// is replaced at a version is replaced once.
pub struct Kv<T> {
    sender: Sender,
    /// As the store knows it.
    namespace: Arc<str>,
    ttl: Option<Duration>,
    of: PhantomData<fn() -> T>,
}

/// What the namespaces of applications begin with in the store. Those of the library do not: none can be
/// confused with them.
const OURS: &str = "kv:";

impl<T> Kv<T> {
    /// The values in a namespace, of any type, kept where `sender` has its connections.
    ///
    /// Whoever reads a namespace as another type gets [`StoreError::BadValue`]: let one type be one
    /// namespace's, as [`Namespaced`] does.
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
            namespace: format!("{OURS}{}", namespace.as_ref()).into(),
            ttl: None,
            of: PhantomData,
        }
    }

    /// The values in the namespace of their type, kept where `sender` has its connections.
    pub fn of(sender: &Sender) -> Self
    where
        T: Namespaced,
    {
        Self::new(sender, T::NAMESPACE)
    }

    /// The same values, but what is written through this is over after `ttl`, rounded up to a second:
    /// it is then not there, whether DynamoDB has removed it or not.
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

    /// Removes a value. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadName`], [`StoreError::Unavailable`].
    pub async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        let namespace = self.checked(key)?;
        let store = self.sender.store();
        store.delete_value(namespace, key, self.sender.now()).await
    }

    /// The namespace as the store knows it, if it may be one, and `key` a key.
    fn checked(&self, key: &str) -> Result<&str, StoreError> {
        check_name(&self.namespace[OURS.len()..])?;
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
    /// The value of a key, if there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadValue`], if it is not a `T`, [`StoreError::BadName`],
    /// [`StoreError::Unavailable`].
    pub async fn get(&self, key: &str) -> Result<Option<T>, StoreError> {
        Ok(self.entry(key).await?.map(|entry| entry.value))
    }

    /// The value of a key, if there is one, with its version for [`set_if`](Self::set_if).
    ///
    /// # Errors
    ///
    /// As those of [`get`](Self::get).
    pub async fn entry(&self, key: &str) -> Result<Option<Entry<T>>, StoreError> {
        let namespace = self.checked(key)?;
        let store = self.sender.store();
        let found = store.read_value(namespace, key, self.sender.now()).await?;
        found.map(|found| self.decoded(key, found)).transpose()
    }

    fn decoded(&self, key: &str, found: Value) -> Result<Entry<T>, StoreError> {
        let value = serde_json::from_str(&found.value).map_err(|error| {
            let (namespace, wanted) = (&self.namespace[OURS.len()..], std::any::type_name::<T>());
            let which = format!("`{key}` in the namespace `{namespace}` is no `{wanted}`: {error}");
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
    /// Keeps a value, whatever was there; returns its version.
    ///
    /// # Errors
    ///
    /// [`StoreError::ValueTooLarge`] over 32 KB of JSON, [`StoreError::BadValue`] if JSON cannot express
    /// it, [`StoreError::BadName`], [`StoreError::Unavailable`].
    pub async fn set(&self, key: &str, value: &T) -> Result<Version, StoreError> {
        let (namespace, value) = (self.checked(key)?, encode_value(value)?);
        let store = self.sender.store();
        let written = store.write_value(namespace, key, &value, self.expiry());
        written.await.map(Version)
    }

    /// Keeps a value if the one that is there has this version, or, with `None`, if there is none;
    /// returns the next version. Of all who try that with the same version one succeeds.
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
    /// [`StoreError::Conflict`] if it has another version, or is not there; those of
    /// [`set`](Self::set).
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
            .field("namespace", &&self.namespace[OURS.len()..])
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
