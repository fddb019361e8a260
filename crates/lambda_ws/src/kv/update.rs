//! Changes of what is there.

use super::Kv;
use crate::ConnectionId;
use crate::backoff::{Backoff, Jitter};
use crate::store::{StoreError, encode_value};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How often a change is repeated.
pub(super) const RETRIES: u8 = 16;

/// The pauses before the repetitions, of at most 8 to 256 ms: 2 s in all, if all of them fail.
const BACKOFF: Backoff = Backoff::new(8, 2, 256, RETRIES, Jitter::Full);

impl<T: Serialize + DeserializeOwned> Kv<T> {
    /// Changes a value, or makes one where there is none; returns the new one. `change` may be called
    /// several times: as often as others changed it meanwhile, 17 times at most.
    ///
    /// A value that is there keeps its time to live; only one that is new gets this `Kv`'s.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if others always were faster; those of [`get`](Self::get) and
    /// [`set`](Self::set).
    pub async fn update(
        &self,
        key: &str,
        mut change: impl FnMut(Option<T>) -> T,
    ) -> Result<T, StoreError> {
        self.try_update(key, |value| Ok(change(value))).await
    }

    /// As [`update`](Self::update), with a change that may refuse: then nothing is written.
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
    /// That of the change, and those of [`update`](Self::update).
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
