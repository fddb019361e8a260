//! Who is connected, as whom, and in which rooms.
//!
//! The library keeps a [`Record`] for every connection: it writes it when `$connect` accepts, and
//! removes it when the connection ends or is found gone. [`DynamoDb`] keeps records in one table,
//! [`Memory`] in the process. Any other database will do as well: implement [`Store`] and let
//! [`conformance`] check it.

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
pub use lambda_ws_protocol::table_layout::{MAX_ROOMS, SESSION_BYTES, VALUE_BYTES};
pub use log::{History, Recovery};
pub use memory::Memory;
pub(crate) use record::check_name;
pub use record::{Page, Record, Scope, Slice};
pub use values::{Entries, KeyPage, KeyValueStore, Value};
pub(crate) use values::{encode as encode_value, expiry as value_expiry};

use crate::{ConnectionId, Position, Timestamp};
use std::future::Future;

/// Keeps connections. Implement it with plain `async fn`s.
///
/// A connection is told from every other by its id and the time it was opened at, because an id may
/// be used again. Every operation may run at any time beside any other, of the same connection too
/// (conformance F8), and every operation may be cut off half-way. What has expired at `now` is not
/// there.
///
/// What belongs to no connection is kept by [`KeyValueStore`], which is a part of it.
///
/// # What is promised
///
/// - The operations on one connection take effect one after another, each at a moment between its call
///   and its return, and what each returns fits that order. Only the members of a connection that comes
///   or goes, by [`register`](Self::register), [`remove`](Self::remove) or
///   [`mark_gone`](Self::mark_gone), come and go one by one.
/// - Of all calls to `remove` one at most returns the record, of all calls to `mark_gone` one at most
///   returns `true`.
/// - When nothing is under way, a connection is a member of the rooms and the user that its record
///   names, and of no others.
/// - What was cut off, or ended with [`StoreError::Unavailable`], is done or not. `join`, `leave`, `save`
///   and `switch_room` are done entirely or not at all. (From more than 98 rooms `switch_room` takes two steps; after
///   the first it has left up to two rooms.) A `register` may leave a record without some of its members;
///   `remove` and `mark_gone` may leave members without a live record, until `expires` or until they are
///   [forgotten](Self::forget).
///
/// # What is relied on
///
/// - A connection's `register` has returned before it is used in any other way: its handshake is not
///   accepted before.
/// - When an id is registered again, no `remove`, `mark_gone` or `forget` of its former connection is
///   under way.
pub trait Store: KeyValueStore {
    /// Adds a connection, with its user and its rooms.
    fn register(&self, record: &Record) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The record of a connection, strongly consistent, also if it is marked as gone.
    fn record(
        &self,
        id: &ConnectionId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Record>, StoreError>> + Send;

    /// The records of many connections, in any order, without those that have none.
    fn records(
        &self,
        ids: &[ConnectionId],
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Record>, StoreError>> + Send;

    /// Removes the connection that was opened `at`, and returns what was known of it: to one caller
    /// only, however many there are.
    fn remove(
        &self,
        id: &ConnectionId,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<Record>, StoreError>> + Send;

    /// Marks the connection that was opened `at` as gone and takes it out of its rooms, but keeps its
    /// record for a later `$disconnect`. Returns `true` to one caller only.
    fn mark_gone(
        &self,
        id: &ConnectionId,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Adds the connection to a room, until `expires`; nothing happens if it is there already.
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

    /// Takes the connection out of a room; nothing happens if it is not there.
    fn leave(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        room: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes the connection out of all its rooms and adds it to `room`, at once and only if its rooms
    /// still are those of `record`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if they are not, [`StoreError::NotConnected`].
    fn switch_room(
        &self,
        record: &Record,
        room: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Replaces the session, if its version still is `version`; returns the next version.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it is not, [`StoreError::NotConnected`].
    fn save(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        session: &str,
        version: u64,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// One page of the connections in `scope` whose hash is in `slice`, beginning behind `after`.
    /// Rooms and users are strongly consistent; [`Scope::Everyone`] need not be, and leaves out what
    /// is marked as gone.
    fn page(
        &self,
        scope: &Scope,
        slice: Slice,
        after: Option<&ConnectionId>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Page, StoreError>> + Send;

    /// Takes a connection that has no record out of `scope`.
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
