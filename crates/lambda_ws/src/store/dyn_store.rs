//! [`Store`] as a trait object.

use super::{
    Entries, History, KeyPage, KeyValueStore, Page, Record, Recovery, Scope, Slice, Store,
    StoreError, Value,
};
use crate::{ConnectionId, Position, Timestamp};
use futures_util::future::BoxFuture;
use std::time::Duration;

type Operation<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Calls a macro with the operations of [`DynStore`] and the traits that define them.
macro_rules! operations {
    ($call:ident) => {
        $call! {
            Store {
                fn register(record: &'a Record) -> () = register;
                fn record(id: &'a ConnectionId, now: Timestamp) -> Option<Record> = record;
                fn records(ids: &'a [ConnectionId], now: Timestamp) -> Vec<Record> = records;
                fn remove(id: &'a ConnectionId, at: Timestamp) -> Option<Record> = remove;
                fn mark_gone(id: &'a ConnectionId, at: Timestamp) -> bool = mark_gone;
                fn join(id: &'a ConnectionId, at: Timestamp, room: &'a str, expires: Timestamp) -> () = join;
                fn leave(id: &'a ConnectionId, at: Timestamp, room: &'a str) -> () = leave;
                fn switch_room(record: &'a Record, room: &'a str) -> () = switch_room;
                fn save(id: &'a ConnectionId, at: Timestamp, session: &'a str, version: u64) -> u64 = save;
                fn mark_seen(id: &'a ConnectionId, at: Timestamp, now: Timestamp, interval: Duration) -> () = mark_seen;
                fn page(scope: &'a Scope, slice: Slice, after: Option<&'a ConnectionId>, now: Timestamp) -> Page = page;
                fn forget(scope: &'a Scope, id: &'a ConnectionId) -> () = forget;
                fn append(room: &'a str, data: &'a str, history: &'a History, now: Timestamp) -> Position = append;
                fn since(room: &'a str, since: Option<&'a Position>, history: &'a History, now: Timestamp) -> Recovery = since;
            }
            KeyValueStore {
                fn read_value(namespace: &'a str, key: &'a str, now: Timestamp) -> Option<Value> = read;
                fn write_value(namespace: &'a str, key: &'a str, value: &'a str, expires: Option<Timestamp>) -> u64 = write;
                fn replace_value(namespace: &'a str, key: &'a str, value: &'a str, expires: Option<Timestamp>, version: Option<u64>, now: Timestamp) -> u64 = replace;
                fn insert_value(namespace: &'a str, key: &'a str, value: &'a str, expires: Option<Timestamp>, now: Timestamp) -> bool = insert;
                fn delete_value(namespace: &'a str, key: &'a str, now: Timestamp) -> bool = delete;
                fn delete_value_if(namespace: &'a str, key: &'a str, version: u64) -> bool = delete_if;
                fn take_value(namespace: &'a str, key: &'a str, now: Timestamp) -> Option<String> = take;
                fn value_keys(namespace: &'a str, prefix: &'a str, after: Option<&'a str>, now: Timestamp) -> KeyPage = keys;
                fn value_entries(namespace: &'a str, prefix: &'a str, after: Option<&'a str>, most: usize, now: Timestamp) -> Entries = entries;
                fn read_values(keys: &'a [(String, String)], now: Timestamp) -> Vec<Option<Value>> = read_all;
                fn delete_values(namespace: &'a str, keys: &'a [String], now: Timestamp) -> () = delete_all;
            }
        }
    };
}

macro_rules! declare {
    ($($of:ident { $(fn $name:ident($($arg:ident: $type:ty),*) -> $output:ty = $method:ident;)* })*) => {
        /// [`Store`] as a trait object: the same operations, boxed.
        #[allow(clippy::too_many_arguments)]
        pub(crate) trait DynStore: Send + Sync {
            $($(fn $name<'a>(&'a self, $($arg: $type),*) -> Operation<'a, $output>;)*)*
        }
    };
}

macro_rules! forward {
    ($($of:ident { $(fn $name:ident($($arg:ident: $type:ty),*) -> $output:ty = $method:ident;)* })*) => {
        $($(
            fn $name<'a>(&'a self, $($arg: $type),*) -> Operation<'a, $output> {
                Box::pin($of::$method(self, $($arg),*))
            }
        )*)*
    };
}

macro_rules! intercept {
    ($($of:ident { $(fn $name:ident($($arg:ident: $type:ty),*) -> $output:ty = $method:ident;)* })*) => {
        $($(
            fn $name<'a>(&'a self, $($arg: $type),*) -> Operation<'a, $output> {
                Box::pin(async move {
                    (self.before)(stringify!($name)).await?;
                    $of::$method(&self.store, $($arg),*).await
                })
            }
        )*)*
    };
}

operations!(declare);

impl<T: Store> DynStore for T {
    operations!(forward);
}

/// A store that awaits a function before each operation. The function may delay or fail it.
pub(crate) struct InterceptedStore<T, B> {
    pub(crate) store: T,
    /// The function; its argument is the name of the operation.
    pub(crate) before: B,
}

impl<T, B> DynStore for InterceptedStore<T, B>
where
    T: Store,
    B: Fn(&'static str) -> Operation<'static, ()> + Send + Sync,
{
    operations!(intercept);
}
