//! The keys of a namespace.

use super::{Kv, PREFIX};
use crate::store::{KeyPage, StoreError, check_name};
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use std::sync::Arc;

impl<T> Kv<T> {
    /// Returns the keys that begin with `prefix`, or all if it is empty, in the order of their bytes. They are read
    /// page by page. Keys that are written meanwhile may be missing or included.
    ///
    /// DynamoDB reads and charges whole items: a unit for each 4 KB of keys and values.
    ///
    /// ```
    /// # use lambda_ws::{Error, Kv, Router, testing::Gateway};
    /// use futures_util::TryStreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let gateway = Gateway::new(Router::new());
    /// let seats = Kv::<String>::new(&gateway.sender(), "seats");
    /// seats.set("tea/1", &"ann".to_owned()).await?;
    /// seats.set("tea/2", &"bob".to_owned()).await?;
    /// seats.set("milk/1", &"cat".to_owned()).await?;
    ///
    /// let mut keys = seats.keys("tea/");
    /// while let Some(key) = keys.try_next().await? {
    ///     println!("{key} is taken by {:?}", seats.get(&key).await?);
    /// }
    /// # assert_eq!(seats.keys("tea/").try_collect::<Vec<_>>().await?, ["tea/1", "tea/2"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The stream ends with the first error: [`StoreError::BadName`] if the prefix has more than 256 bytes, or
    /// [`StoreError::Unavailable`].
    pub fn keys(
        &self,
        prefix: &str,
    ) -> impl Stream<Item = Result<String, StoreError>> + Send + Unpin + use<T> {
        let (sender, namespace) = (self.sender.clone(), self.namespace.clone());
        let prefix: Arc<str> = prefix.into();
        let pages = stream::try_unfold(Some(None), move |after: Option<Option<String>>| {
            let (sender, namespace, prefix) = (sender.clone(), namespace.clone(), prefix.clone());
            async move {
                let Some(after) = after else { return Ok(None) };
                check_name(&namespace[PREFIX.len()..])?;
                if !prefix.is_empty() {
                    check_name(&prefix)?;
                }
                let (store, now) = (sender.store(), sender.now());
                let page = store.value_keys(&namespace, &prefix, after.as_deref(), now);
                let KeyPage { keys, next } = page.await?;
                let keys = stream::iter(keys.into_iter().map(Ok));
                Ok(Some((keys, next.map(Some))))
            }
        });
        pages.try_flatten().boxed()
    }
}
