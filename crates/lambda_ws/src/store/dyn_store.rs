//! [`Store`] behind a pointer.

use super::{
    Entries, KeyPage, KeyValueStore, Page, Record, Scope, Slice, Store, StoreError, Value,
};
use crate::{ConnectionId, Timestamp};
use futures_util::future::BoxFuture;

/// The future of an operation of a store.
type Op<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// [`Store`], for use behind a pointer: the same operations, boxed.
pub(crate) trait DynStore: Send + Sync {
    fn register<'a>(&'a self, record: &'a Record) -> Op<'a, ()>;
    fn record<'a>(&'a self, id: &'a ConnectionId, now: Timestamp) -> Op<'a, Option<Record>>;
    fn records<'a>(&'a self, ids: &'a [ConnectionId], now: Timestamp) -> Op<'a, Vec<Record>>;
    fn remove<'a>(&'a self, id: &'a ConnectionId, at: Timestamp) -> Op<'a, Option<Record>>;
    fn mark_gone<'a>(&'a self, id: &'a ConnectionId, at: Timestamp) -> Op<'a, bool>;
    fn join<'a>(
        &'a self,
        id: &'a ConnectionId,
        at: Timestamp,
        room: &'a str,
        expires: Timestamp,
    ) -> Op<'a, ()>;
    fn leave<'a>(&'a self, id: &'a ConnectionId, at: Timestamp, room: &'a str) -> Op<'a, ()>;
    fn switch_room<'a>(&'a self, record: &'a Record, room: &'a str) -> Op<'a, ()>;
    fn save<'a>(
        &'a self,
        id: &'a ConnectionId,
        at: Timestamp,
        session: &'a str,
        version: u64,
    ) -> Op<'a, u64>;
    fn page<'a>(
        &'a self,
        scope: &'a Scope,
        slice: Slice,
        after: Option<&'a ConnectionId>,
        now: Timestamp,
    ) -> Op<'a, Page>;
    fn forget<'a>(&'a self, scope: &'a Scope, id: &'a ConnectionId) -> Op<'a, ()>;
    fn read_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        now: Timestamp,
    ) -> Op<'a, Option<Value>>;
    fn write_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        value: &'a str,
        expires: Option<Timestamp>,
    ) -> Op<'a, u64>;
    fn replace_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        value: &'a str,
        expires: Option<Timestamp>,
        version: Option<u64>,
        now: Timestamp,
    ) -> Op<'a, u64>;
    fn insert_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        value: &'a str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Op<'a, bool>;
    fn delete_value<'a>(&'a self, namespace: &'a str, key: &'a str, now: Timestamp)
    -> Op<'a, bool>;
    fn delete_value_if<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        version: u64,
    ) -> Op<'a, bool>;

    fn take_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        now: Timestamp,
    ) -> Op<'a, Option<String>>;
    fn value_keys<'a>(
        &'a self,
        namespace: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        now: Timestamp,
    ) -> Op<'a, KeyPage>;

    fn value_entries<'a>(
        &'a self,
        namespace: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Op<'a, Entries>;

    fn read_values<'a>(
        &'a self,
        keys: &'a [(String, String)],
        now: Timestamp,
    ) -> Op<'a, Vec<Option<Value>>>;

    fn delete_values<'a>(
        &'a self,
        namespace: &'a str,
        keys: &'a [String],
        now: Timestamp,
    ) -> Op<'a, ()>;
}

impl<T: Store> DynStore for T {
    fn register<'a>(&'a self, record: &'a Record) -> Op<'a, ()> {
        Box::pin(Store::register(self, record))
    }

    fn record<'a>(&'a self, id: &'a ConnectionId, now: Timestamp) -> Op<'a, Option<Record>> {
        Box::pin(Store::record(self, id, now))
    }

    fn records<'a>(&'a self, ids: &'a [ConnectionId], now: Timestamp) -> Op<'a, Vec<Record>> {
        Box::pin(Store::records(self, ids, now))
    }

    fn remove<'a>(&'a self, id: &'a ConnectionId, at: Timestamp) -> Op<'a, Option<Record>> {
        Box::pin(Store::remove(self, id, at))
    }

    fn mark_gone<'a>(&'a self, id: &'a ConnectionId, at: Timestamp) -> Op<'a, bool> {
        Box::pin(Store::mark_gone(self, id, at))
    }

    fn join<'a>(
        &'a self,
        id: &'a ConnectionId,
        at: Timestamp,
        room: &'a str,
        expires: Timestamp,
    ) -> Op<'a, ()> {
        Box::pin(Store::join(self, id, at, room, expires))
    }

    fn leave<'a>(&'a self, id: &'a ConnectionId, at: Timestamp, room: &'a str) -> Op<'a, ()> {
        Box::pin(Store::leave(self, id, at, room))
    }

    fn switch_room<'a>(&'a self, record: &'a Record, room: &'a str) -> Op<'a, ()> {
        Box::pin(Store::switch_room(self, record, room))
    }

    fn save<'a>(
        &'a self,
        id: &'a ConnectionId,
        at: Timestamp,
        session: &'a str,
        version: u64,
    ) -> Op<'a, u64> {
        Box::pin(Store::save(self, id, at, session, version))
    }

    fn page<'a>(
        &'a self,
        scope: &'a Scope,
        slice: Slice,
        after: Option<&'a ConnectionId>,
        now: Timestamp,
    ) -> Op<'a, Page> {
        Box::pin(Store::page(self, scope, slice, after, now))
    }

    fn forget<'a>(&'a self, scope: &'a Scope, id: &'a ConnectionId) -> Op<'a, ()> {
        Box::pin(Store::forget(self, scope, id))
    }

    fn read_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        now: Timestamp,
    ) -> Op<'a, Option<Value>> {
        Box::pin(KeyValueStore::read(self, namespace, key, now))
    }

    fn write_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        value: &'a str,
        expires: Option<Timestamp>,
    ) -> Op<'a, u64> {
        Box::pin(KeyValueStore::write(self, namespace, key, value, expires))
    }

    fn replace_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        value: &'a str,
        expires: Option<Timestamp>,
        version: Option<u64>,
        now: Timestamp,
    ) -> Op<'a, u64> {
        Box::pin(KeyValueStore::replace(
            self, namespace, key, value, expires, version, now,
        ))
    }

    fn insert_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        value: &'a str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Op<'a, bool> {
        Box::pin(KeyValueStore::insert(
            self, namespace, key, value, expires, now,
        ))
    }

    fn delete_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        now: Timestamp,
    ) -> Op<'a, bool> {
        Box::pin(KeyValueStore::delete(self, namespace, key, now))
    }

    fn delete_value_if<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        version: u64,
    ) -> Op<'a, bool> {
        Box::pin(KeyValueStore::delete_if(self, namespace, key, version))
    }

    fn take_value<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        now: Timestamp,
    ) -> Op<'a, Option<String>> {
        Box::pin(KeyValueStore::take(self, namespace, key, now))
    }

    fn value_keys<'a>(
        &'a self,
        namespace: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        now: Timestamp,
    ) -> Op<'a, KeyPage> {
        Box::pin(KeyValueStore::keys(self, namespace, prefix, after, now))
    }

    fn value_entries<'a>(
        &'a self,
        namespace: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        most: usize,
        now: Timestamp,
    ) -> Op<'a, Entries> {
        Box::pin(KeyValueStore::entries(
            self, namespace, prefix, after, most, now,
        ))
    }

    fn read_values<'a>(
        &'a self,
        keys: &'a [(String, String)],
        now: Timestamp,
    ) -> Op<'a, Vec<Option<Value>>> {
        Box::pin(KeyValueStore::read_all(self, keys, now))
    }

    fn delete_values<'a>(
        &'a self,
        namespace: &'a str,
        keys: &'a [String],
        now: Timestamp,
    ) -> Op<'a, ()> {
        Box::pin(KeyValueStore::delete_all(self, namespace, keys, now))
    }
}
