//! The connection store: connections, their users, their rooms and values.
//!
//! The library keeps a [`Record`] for every connection. It writes the record when `$connect` accepts, and removes it
//! when the connection ends or a 410 is confirmed. [`DynamoDb`] keeps records in one table, [`Memory`] in the
//! process. For another database implement [`Store`] and test it with [`conformance`].

mod conformance;
mod dyn_store;
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod log;
mod memory;
mod record;
mod values;

pub use crate::error::StoreError;
pub use conformance::conformance;
pub(crate) use dyn_store::{DynStore, InterceptedStore};
#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoDb;
pub use lambda_ws_protocol::table_layout::{
    BadAttributes, MAX_ROOMS, PRESENCE_BYTES, SESSION_BYTES, TableAttributes, VALUE_BYTES,
};
pub use log::{History, Recovery};
pub use memory::Memory;
pub(crate) use record::check_name;
pub use record::{Page, Record, Scope, Slice};
pub use values::{Entries, KeyPage, KeyValueStore, Value};
pub(crate) use values::{encode as encode_value, expiry as value_expiry};

use crate::{ConnectionId, Position, Timestamp};
use std::future::Future;
use std::time::Duration;

/// Stores connections. Implement it with plain `async fn`s.
///
/// A connection is identified by its id and the time when it was opened, because an id may be reused. Operations may
/// run concurrently, also on the same connection (conformance F8), and every operation may be cancelled. A record or
/// member that has expired at `now` counts as missing.
///
/// [`KeyValueStore`], a supertrait, stores values that belong to no connection.
///
/// # Guarantees
///
/// - The operations on one connection take effect one after another, each between its call and its return. Each
///   result fits that order. Only [`register`](Self::register), [`remove`](Self::remove) and
///   [`mark_gone`](Self::mark_gone) add or remove the members of a connection one by one.
/// - At most one call to `remove` returns the record, and at most one call to `mark_gone` returns `true`.
/// - When no operation is running, a connection is a member of exactly the rooms and the user in its record.
/// - A cancelled operation, or one that returned [`StoreError::Unavailable`], may have taken effect or not. `join`,
///   `leave`, `save`, `mark_seen` and `switch_room` are atomic. (From more than 98 rooms `switch_room` takes two steps; after the
///   first it has left up to two rooms.) A `register` may leave a record without some of its members. `remove` and
///   `mark_gone` may leave members without a live record, until `expires` or until they are
///   [forgotten](Self::forget).
///
/// # Requirements for callers
///
/// - `register` returns before any other operation on the connection starts. The handshake is accepted only after it.
/// - When an id is registered again, no `remove`, `mark_gone` or `forget` of its former connection is running.
pub trait Store: KeyValueStore {
    /// Adds a connection with its user and its rooms.
    fn register(&self, record: &Record) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns the record of a connection with a strongly consistent read, also if it is marked as gone.
    fn record(
        &self,
        id: &ConnectionId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Record>, StoreError>> + Send;

    /// Returns the records of many connections in any order. Missing records are omitted.
    fn records(
        &self,
        ids: &[ConnectionId],
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Record>, StoreError>> + Send;

    /// Removes the connection that was opened `at`, and returns its record to exactly one caller.
    fn remove(
        &self,
        id: &ConnectionId,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<Record>, StoreError>> + Send;

    /// Marks the connection that was opened `at` as gone and removes it from its rooms. Keeps its record for a later
    /// `$disconnect`. Returns `true` to exactly one caller.
    fn mark_gone(
        &self,
        id: &ConnectionId,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Adds the connection to a room until `expires`. Does nothing if it is already a member.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotConnected`], [`StoreError::TooManyRooms`].
    fn join(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        room: &str,
        expires: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the connection from a room. Does nothing if it is not a member.
    fn leave(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        room: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the connection from all its rooms and adds it to `room` atomically, if its rooms are still those of
    /// `record`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if its rooms have changed, [`StoreError::NotConnected`].
    fn switch_room(
        &self,
        record: &Record,
        room: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Replaces the session if its version is still `version`. Returns the next version.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the version has changed, [`StoreError::NotConnected`].
    fn save(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        session: &str,
        version: u64,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Stores `now` as the time when the client of the connection that was opened `at` was last seen. Does nothing if
    /// the stored time is less than `interval` before `now`, or later. It does not change the version of the session.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotConnected`].
    fn mark_seen(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        now: Timestamp,
        interval: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns one page of the connections in `scope` whose hash is in `slice`, after the connection `after`. Pages
    /// of rooms and users are strongly consistent. Pages of [`Scope::Everyone`] may be eventually consistent, and
    /// omit connections that are marked as gone.
    fn page(
        &self,
        scope: &Scope,
        slice: Slice,
        after: Option<&ConnectionId>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Page, StoreError>> + Send;

    /// Removes a connection without a record from `scope`.
    fn forget(
        &self,
        scope: &Scope,
        id: &ConnectionId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Adds a message, which is JSON, to the log of a room, and returns its position. The messages of an epoch are
    /// numbered 1, 2, 3 without holes, also if many processes append at the same time.
    ///
    /// An error leaves the message in the log or not. The default implementation stores nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoHistory`] if the store keeps no logs, [`StoreError::Unavailable`].
    fn append(
        &self,
        room: &str,
        data: &str,
        history: &History,
        now: Timestamp,
    ) -> impl Future<Output = Result<Position, StoreError>> + Send {
        let _ = (room, data, history, now);
        std::future::ready(Err(StoreError::NoHistory))
    }

    /// Reads the messages of a room after a position, strongly consistent: at most 300, or 100 KB of data. Without a
    /// position it returns the end of the log, and no messages.
    ///
    /// A log that is empty, or too old to be continued, begins a new epoch, so that the returned position is valid.
    ///
    /// # Errors
    ///
    /// As those of [`append`](Self::append).
    fn since(
        &self,
        room: &str,
        since: Option<&Position>,
        history: &History,
        now: Timestamp,
    ) -> impl Future<Output = Result<Recovery, StoreError>> + Send {
        let _ = (room, since, history, now);
        std::future::ready(Err(StoreError::NoHistory))
    }
}
