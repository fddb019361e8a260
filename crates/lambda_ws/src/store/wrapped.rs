//! A store that something happens to before each of its operations.

use super::{DynStore, Page, Record, Scope, Slice, Store, StoreError};
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
}
