//! Updates of values.

use super::Kv;
use crate::ConnectionId;
use crate::backoff::{Backoff, Jitter};
use crate::store::{StoreError, encode_value};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) const RETRIES: u8 = 16;

/// The pauses before retries, of at most 8 to 256 ms: at most 2 s in total.
const BACKOFF: Backoff = Backoff::new(8, 2, 256, RETRIES, Jitter::Full);

impl<T: Serialize + DeserializeOwned> Kv<T> {
    /// Changes a value, or creates it, and returns the new value. `change` may run several times: once more after
    /// each concurrent change, at most 17 times.
    ///
    /// An existing value keeps its expiry; only a new value gets this `Kv`'s time to live.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] after too many concurrent changes; the errors of [`get`](Self::get) and
    /// [`set`](Self::set).
    pub async fn update(
        &self,
        key: &str,
        mut change: impl FnMut(Option<T>) -> T,
    ) -> Result<T, StoreError> {
        self.try_update(key, |value| Ok(change(value))).await
    }

    /// Like [`update`](Self::update), with a change that may fail. Then no value is written.
    ///
    /// ```
    /// # use lambda_ws::{Error, Kv, Router, testing::Gateway};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let gateway = Gateway::new(Router::new());
    /// # let sender = gateway.sender();
    /// let credit = Kv::<u32>::new(&sender, "credit");
    /// credit.set("ann", &30).await?;
    /// let pay = |cents: u32| {
    ///     credit.try_update("ann", move |credit| {
    ///         let left = credit.unwrap_or(0).checked_sub(cents);
    ///         left.ok_or(Error::client("too_poor", "that is more than you have"))
    ///     })
    /// };
    /// assert_eq!(pay(20).await?, 10);
    /// assert_eq!(pay(20).await.unwrap_err().code(), "too_poor");
    /// # assert_eq!(credit.get("ann").await?, Some(10));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the change, and the errors of [`update`](Self::update).
    pub async fn try_update<E: From<StoreError>>(
        &self,
        key: &str,
        mut change: impl FnMut(Option<T>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut backoff = BACKOFF;
        loop {
            let (before, version, expires) = match self.entry(key).await? {
                Some(entry) => (Some(entry.value), Some(entry.version), entry.expires),
                None => (None, None, self.expiry()),
            };
            let value = change(before)?;
            let json = encode_value(&value)?;
            match self.replace(key, &json, expires, version).await {
                Ok(_) => return Ok(value),
                Err(error) => match backoff.next() {
                    Some(pause) if matches!(error, StoreError::Conflict) => {
                        self.sender.pause(pause, &ConnectionId::from("")).await;
                    }
                    _ => return Err(error.into()),
                },
            }
        }
    }
}
