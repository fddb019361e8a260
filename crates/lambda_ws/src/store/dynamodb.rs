//! The connection store in one DynamoDB table.
//!
//! [`table_layout`] defines its keys and attributes.

mod attributes;
mod batch;
mod item;
mod log;
mod retry;
mod transaction;
mod values;

use super::log::{History, Recovery, Tails};
use super::{MAX_ROOMS, Page, Record, Scope, Slice, Store, StoreError};
use crate::random::{new_id, rng};
use crate::{ConnectionId, Position, Timestamp};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use item::{Item, connection_key, member_item, member_key, s};
use lambda_ws_protocol::table_layout::{self, TableAttributes};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tracing::warn;
use transaction::{WriteError, built, if_in};

/// Stores connections in one DynamoDB table. Clones share the client.
///
/// The store retries a write that conflicts with a transaction, and unprocessed items of a batch, up to 12 times with
/// growing pauses (4.5 s at most). The client retries all other failures.
///
/// # Lost responses
///
/// The client repeats a request whose response is lost, though DynamoDB may have executed it. `join`, `leave`,
/// `switch_room`, `mark_gone` and `save` recognize their own first attempt and succeed. Three cases remain:
///
/// - `remove` returns `None` although it removed the record. Then no caller gets the record, and the `$disconnect`
///   handler has no session. The members stay until a message to them gets a 410, or until they expire. A safe
///   removal would need one more write per connection, in addition to four for a connection in one room.
/// - `save` returns [`StoreError::Conflict`] or [`StoreError::NotConnected`] if another call replaced the session or
///   removed the connection before the retry.
/// - `register` keeps the members of a former connection with the same id that was never removed.
#[derive(Debug, Clone)]
pub struct DynamoDb {
    client: Arc<LazyClient>,
    table: String,
    tails: Arc<Tails>,
}

/// Created by the first call, while host names are resolved: creation reads the endpoints of all Regions.
type LazyClient = LazyLock<Client, Box<dyn FnOnce() -> Client + Send>>;

/// The largest step of a version: large enough that two calls never choose the same version, small enough for
/// millions of changes.
const VERSION_STEP: u64 = 1 << 40;

/// The most operations of one transaction, minus the update of the connection and the new member.
const LEAVES_AT_ONCE: usize = 98;

impl DynamoDb {
    /// Creates a store that keeps connections in `table`, accessed through `client`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self::lazy(|| client, table.into())
    }

    /// Creates a store in a table whose keys and TTL attribute have other names, such as a table that other programs
    /// share.
    ///
    /// The partition keys of the library's items begin with `C#`, `R#`, `U#`, `K#` or `H#`. Items of other programs must
    /// have other partition keys. For [`run`](crate::run) the variable `CONNECTIONS_TABLE_ATTRIBUTES` names the attributes:
    /// see [the guide](crate::guide::deployment#a-table-that-you-already-have).
    ///
    /// ```
    /// # fn example(client: aws_sdk_dynamodb::Client) -> Result<(), lambda_ws::Error> {
    /// use lambda_ws::store::{DynamoDb, TableAttributes};
    ///
    /// let attributes = TableAttributes::new("PK", "SK", "ttl")?;
    /// let store = DynamoDb::with_attributes(client, "team", attributes);
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_attributes(
        client: Client,
        table: impl Into<String>,
        attributes: TableAttributes,
    ) -> Self {
        Self::lazy_with(|| client, table.into(), attributes)
    }

    /// Creates a store with a client that the first call creates, in a table with these names.
    pub(crate) fn lazy_with(
        client: impl FnOnce() -> Client + Send + 'static,
        table: String,
        attributes: TableAttributes,
    ) -> Self {
        if attributes == TableAttributes::default() {
            return Self::lazy(client, table);
        }
        Self::lazy(move || attributes::renaming(&client(), &attributes), table)
    }

    /// Creates a store with a client that the first call creates.
    fn lazy(client: impl FnOnce() -> Client + Send + 'static, table: String) -> Self {
        Self {
            client: Arc::new(LazyLock::new(Box::new(client))),
            table,
            tails: Arc::default(),
        }
    }

    /// Deletes the members of a removed connection. The removal has succeeded even if this fails: the remaining
    /// members get a 410 or expire.
    async fn delete_members(&self, record: &Record) {
        let keys = record.scopes().map(|scope| member_key(&scope, &record.id));
        let deletes = keys.map(batch::delete).collect();
        if let Err(error) = batch::write(&self.client, &self.table, deletes).await {
            warn!(
                connection = %record.id,
                error = &error as &dyn std::error::Error,
                "some room members of a removed connection could not be deleted; they expire"
            );
        }
    }
}

impl Store for DynamoDb {
    async fn register(&self, record: &Record) -> Result<(), StoreError> {
        // The record is written first, with all its rooms, so that a removal finds the members after any failure.
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::from_record(record)))
            .return_values(ReturnValue::AllOld);
        let put = retry::conflicts(|| put.clone().send()).await;
        let put = put.map_err(StoreError::unavailable)?;
        let members = record
            .scopes()
            .map(|scope| batch::put(member_item(&scope, &record.id, record.expires)));
        let mut writes: Vec<_> = members.collect();
        // Removes the former connection with this id from its other rooms.
        if let Some(former) = put.attributes().and_then(|item| Item(item).record()) {
            let scopes: BTreeSet<_> = record.scopes().collect();
            let left = former.scopes().filter(|scope| !scopes.contains(scope));
            writes.extend(left.map(|scope| batch::delete(member_key(&scope, &record.id))));
        }
        batch::write(&self.client, &self.table, writes).await
    }

    async fn record(
        &self,
        id: &ConnectionId,
        now: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(connection_key(id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::unavailable)?;
        let record = found.item().and_then(|item| Item(item).record());
        Ok(record.filter(|record| record.expires > now))
    }

    async fn records(
        &self,
        ids: &[ConnectionId],
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let keys = ids.iter().map(connection_key).collect();
        let items = batch::read(&self.client, &self.table, keys).await?;
        let records = items.iter().filter_map(|item| Item(item).record());
        Ok(records.filter(|record| record.expires > now).collect())
    }

    async fn remove(&self, id: &ConnectionId, at: Timestamp) -> Result<Option<Record>, StoreError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(connection_key(id)))
            .condition_expression("#at = :at")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", item::millis(at))
            .return_values(ReturnValue::AllOld);
        let removed = retry::conflicts(|| request.clone().send()).await;
        let removed = removed.map_err(SdkError::into_service_error);
        let removed = match removed {
            Ok(removed) => removed,
            Err(DeleteItemError::ConditionalCheckFailedException(_)) => return Ok(None),
            Err(error) => return Err(StoreError::unavailable(error)),
        };
        let record = removed.attributes().and_then(|item| Item(item).record());
        if let Some(record) = &record {
            self.delete_members(record).await;
        }
        Ok(record)
    }

    async fn mark_gone(&self, id: &ConnectionId, at: Timestamp) -> Result<bool, StoreError> {
        // A mark of its own: if the answer is lost, the next attempt knows it again.
        let mark = s(new_id());
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(connection_key(id)))
            .update_expression("SET gone = :mark")
            .condition_expression("#at = :at AND attribute_not_exists(gone)")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", item::millis(at))
            .expression_attribute_values(":mark", mark.clone())
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let marked = retry::conflicts(|| request.clone().send()).await;
        let marked = match marked.map_err(SdkError::into_service_error) {
            Ok(marked) => marked.attributes,
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let marked = failed.item.filter(|item| item.get("gone") == Some(&mark));
                if marked.is_none() {
                    return Ok(false);
                }
                marked
            }
            Err(error) => return Err(StoreError::unavailable(error)),
        };
        if let Some(record) = marked.and_then(|item| Item(&item).record()) {
            self.delete_members(&record).await;
        }
        Ok(true)
    }

    async fn join(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        room: &str,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let update = self
            .update(id)
            .update_expression("ADD rooms :room")
            .condition_expression(
                "#at = :at AND attribute_not_exists(gone) AND (attribute_not_exists(rooms) \
                 OR size(rooms) < :most OR contains(rooms, :name))",
            )
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", item::millis(at))
            .expression_attribute_values(":most", AttributeValue::N(MAX_ROOMS.to_string()))
            .expression_attribute_values(":name", s(room))
            .expression_attribute_values(":room", AttributeValue::Ss(vec![room.to_owned()]));
        let member = self.put_member(&Scope::Room(room.to_owned()), id, expires);
        let joined = self.transact(built(update), vec![member]).await;
        joined.map_err(|error| error.explain(at, StoreError::TooManyRooms))
    }

    async fn leave(&self, id: &ConnectionId, at: Timestamp, room: &str) -> Result<(), StoreError> {
        let update = self
            .update(id)
            .update_expression("DELETE rooms :room")
            .condition_expression("#at = :at AND attribute_not_exists(gone)")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", item::millis(at))
            .expression_attribute_values(":room", AttributeValue::Ss(vec![room.to_owned()]));
        let member = self.delete_member(&Scope::Room(room.to_owned()), id);
        match self.transact(built(update), vec![member]).await {
            // A connection that has ended has left the room.
            Ok(()) | Err(WriteError::Condition(_)) => Ok(()),
            Err(WriteError::Failed(error)) => Err(error),
        }
    }

    async fn switch_room(&self, record: &Record, room: &str) -> Result<(), StoreError> {
        let (id, at) = (&record.id, record.at);
        let others = record.rooms.iter().filter(|left| *left != room).cloned();
        let mut left: Vec<String> = others.collect();
        let surplus = left.split_off(LEAVES_AT_ONCE.min(left.len()));
        let mut before = record.rooms.clone();
        let write_error = |error: WriteError| error.explain(at, StoreError::Conflict);
        let leave = |room| self.delete_member(&Scope::Room(room), id);
        if !surplus.is_empty() {
            // A transaction is limited in size, so the surplus rooms are left first, if the rooms are still those of
            // the record.
            let update = if_in(self.update(id), at, &before)
                .update_expression("DELETE rooms :left")
                .expression_attribute_values(":left", AttributeValue::Ss(surplus.clone()));
            before.retain(|room| !surplus.contains(room));
            let members = surplus.into_iter().map(leave).collect();
            self.transact(built(update), members)
                .await
                .map_err(write_error)?;
        }
        let update = if_in(self.update(id), at, &before)
            .update_expression("SET rooms = :rooms")
            .expression_attribute_values(":rooms", AttributeValue::Ss(vec![room.to_owned()]));
        let mut members = vec![self.put_member(&Scope::Room(room.to_owned()), id, record.expires)];
        members.extend(left.into_iter().map(leave));
        self.transact(built(update), members)
            .await
            .map_err(write_error)
    }

    async fn save(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        session: &str,
        version: u64,
    ) -> Result<u64, StoreError> {
        // No two calls have the same next version: if the answer is lost, the next attempt knows it
        // again.
        let next = version + rng().u64(1..=VERSION_STEP);
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(connection_key(id)))
            .update_expression("SET #session = :session, v = :next")
            .condition_expression("#at = :at AND attribute_not_exists(gone) AND v = :v")
            .expression_attribute_names("#at", "at")
            .expression_attribute_names("#session", "session")
            .expression_attribute_values(":at", item::millis(at))
            .expression_attribute_values(":session", s(session))
            .expression_attribute_values(":v", AttributeValue::N(version.to_string()))
            .expression_attribute_values(":next", AttributeValue::N(next.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let saved = retry::conflicts(|| request.clone().send()).await;
        let saved = saved.map_err(SdkError::into_service_error);
        match saved {
            Ok(_) => Ok(next),
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let record = failed.item().and_then(|item| Item(item).record());
                if record
                    .as_ref()
                    .is_some_and(|r| r.at == at && r.version == next)
                {
                    return Ok(next);
                }
                Err(WriteError::Condition(record).explain(at, StoreError::Conflict))
            }
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }

    async fn mark_seen(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        now: Timestamp,
        interval: Duration,
    ) -> Result<(), StoreError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(connection_key(id)))
            .update_expression("SET #seen = :now")
            .condition_expression(
                "#at = :at AND attribute_not_exists(gone) AND (attribute_not_exists(#seen) OR #seen <= :due)",
            )
            .expression_attribute_names("#at", "at")
            .expression_attribute_names("#seen", item::SEEN)
            .expression_attribute_values(":at", item::millis(at))
            .expression_attribute_values(":now", item::millis(now))
            .expression_attribute_values(":due", item::millis(Record::replaceable_mark(now, interval)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let marked = retry::conflicts(|| request.clone().send()).await;
        match marked.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(()),
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let record = failed.item().and_then(|item| Item(item).record());
                match record {
                    // A newer mark, which may be the one of a lost response.
                    Some(record) if record.at == at && !record.gone => Ok(()),
                    _ => Err(StoreError::NotConnected),
                }
            }
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }

    async fn page(
        &self,
        scope: &Scope,
        slice: Slice,
        after: Option<&ConnectionId>,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let query = self.client.query().table_name(&self.table);
        let query = query
            .expression_attribute_values(":now", item::secs(now))
            .projection_expression("sk");
        let query = match scope {
            Scope::Everyone => query
                .key_condition_expression("pk = :pk")
                .filter_expression("exp > :now AND attribute_not_exists(gone)")
                .expression_attribute_values(":pk", s(table_layout::connections(slice.from)))
                .set_exclusive_start_key(after.map(connection_key)),
            Scope::Room(_) | Scope::User(_) => {
                let query = query
                    .filter_expression("exp > :now")
                    .expression_attribute_values(":pk", s(item::members(scope)))
                    .consistent_read(true)
                    .set_exclusive_start_key(after.map(|id| member_key(scope, id)));
                if slice == Slice::ALL {
                    query.key_condition_expression("pk = :pk")
                } else {
                    let [from, to] = table_layout::members_between(slice.from, slice.to);
                    query
                        .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                        .expression_attribute_values(":from", s(from))
                        .expression_attribute_values(":to", s(to))
                }
            }
        };
        let found = query.send().await.map_err(StoreError::unavailable)?;
        let ids = found.items().iter().filter_map(|item| Item(item).id());
        let next = found.last_evaluated_key().and_then(|key| Item(key).id());
        Ok(Page {
            ids: ids.collect(),
            next,
        })
    }

    async fn forget(&self, scope: &Scope, id: &ConnectionId) -> Result<(), StoreError> {
        let key = match scope {
            Scope::Everyone => connection_key(id),
            Scope::Room(_) | Scope::User(_) => member_key(scope, id),
        };
        let delete = self.client.delete_item().table_name(&self.table);
        let delete = delete.set_key(Some(key));
        let deleted = retry::conflicts(|| delete.clone().send()).await;
        deleted.map(drop).map_err(StoreError::unavailable)
    }

    async fn append(
        &self,
        room: &str,
        data: &str,
        history: &History,
        now: Timestamp,
    ) -> Result<Position, StoreError> {
        super::log::append(self, &self.tails, room, data, history, now).await
    }

    async fn since(
        &self,
        room: &str,
        since: Option<&Position>,
        history: &History,
        now: Timestamp,
    ) -> Result<Recovery, StoreError> {
        super::log::since(self, room, since, history, now).await
    }
}
