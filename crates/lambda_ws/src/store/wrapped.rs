//! A store that something happens to before each of its operations.

use super::{DynStore, Page, Record, Scope, Slice, Store, StoreError, Values};
use crate::{ConnectionId, Timestamp};
use futures_util::future::BoxFuture;

/// A store that something happens to before each of its operations: it takes its time, as a remote
/// one does, or fails.
pub(crate) struct Wrapped<T, B> {
    pub(crate) store: T,
    /// Is told the operation's name.
    pub(crate) before: B,
}

macro_rules! wrapped {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $output:ty;)*) => { $(
        fn $name<'a>(&'a self, $($arg: $type),*) -> BoxFuture<'a, Result<$output, StoreError>> {
            Box::pin(async move {
                (self.before)(stringify!($name)).await?;
                Store::$name(&self.store, $($arg),*).await
            })
        }
    )* };
}

impl<T, B> DynStore for Wrapped<T, B>
where
    T: Store,
    B: Fn(&'static str) -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync,
{
    wrapped! {
        fn register(record: &'a Record) -> ();
        fn record(id: &'a ConnectionId, now: Timestamp) -> Option<Record>;
        fn records(ids: &'a [ConnectionId], now: Timestamp) -> Vec<Record>;
        fn remove(id: &'a ConnectionId, at: Timestamp) -> Option<Record>;
        fn mark_gone(id: &'a ConnectionId, at: Timestamp) -> bool;
        fn join(id: &'a ConnectionId, at: Timestamp, room: &'a str, expires: Timestamp) -> ();
        fn leave(id: &'a ConnectionId, at: Timestamp, room: &'a str) -> ();
        fn enter(record: &'a Record, room: &'a str) -> ();
        fn save(id: &'a ConnectionId, at: Timestamp, session: &'a str, version: u64) -> u64;
        fn page(scope: &'a Scope, slice: Slice, after: Option<&'a ConnectionId>, now: Timestamp) -> Page;
        fn forget(scope: &'a Scope, id: &'a ConnectionId) -> ();
    }

    fn insert_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        value: &'a str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            (self.before)("insert_value").await?;
            Values::insert(&self.store, namespace, key, value, expires, now).await
        })
    }

    fn take_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<String>, StoreError>> {
        Box::pin(async move {
            (self.before)("take_value").await?;
            Values::take(&self.store, namespace, key, now).await
        })
    }
}
