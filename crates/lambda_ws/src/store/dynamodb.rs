//! Connections in one DynamoDB table.
//!
//! `pk` and `sk` are its keys, both strings; its time to live is on `exp`. There is no index.
//!
//! | item | pk | sk | attributes |
//! |---|---|---|---|
//! | connection | `C#<h0>` | `<id>` | at, exp, api, user?, rooms?, session?, v, gone? |
//! | room member | `R#<room>` | `<h>#<id>` | exp |
//! | user's connection | `U#<user>` | `<h>#<id>` | exp |
//! | value | `K#<namespace>` | `<key>` | value, v, exp? |
//!
//! `h` is [`Slice::hash`] of the id in two hex digits, `h0` its first.

mod batch;
mod item;
mod retry;
mod values;

use super::{MAX_ROOMS, Page, Record, Scope, Slice, Store, StoreError};
use crate::{ConnectionId, Timestamp};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnValue,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use item::{Item, connection_key, member_item, member_key, s};
use retry::Retry;
use tracing::warn;

/// Keeps connections in one DynamoDB table. Clones share the client.
#[derive(Debug, Clone)]
pub struct DynamoDb {
    client: Client,
    table: String,
}

/// The most operations of one transaction, less the connection's update and the new member.
const LEAVES_AT_ONCE: usize = 98;

impl DynamoDb {
    /// Keeps connections in `table`, reached through `client`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }

    /// A change of a connection's record together with changes of its members.
    async fn transact(
        &self,
        update: Update,
        members: Vec<TransactWriteItem>,
    ) -> Result<(), Refused> {
        let mut items = vec![TransactWriteItem::builder().update(update).build()];
        items.extend(members);
        let mut retry = Retry::new();
        loop {
            let sent = self.client.transact_write_items();
            let sent = sent.set_transact_items(Some(items.clone())).send().await;
            let Err(error) = sent else { return Ok(()) };
            let error = error.into_service_error();
            if let TransactWriteItemsError::TransactionCanceledException(canceled) = &error {
                if let Some(reason) = reason(canceled, &["ConditionalCheckFailed"]) {
                    let item = reason.item().and_then(|item| Item(item).record());
                    return Err(Refused::Condition(item));
                }
                if reason(canceled, PASSING).is_some() && retry.pause().await {
                    continue;
                }
            }
            return Err(Refused::Failed(StoreError::unavailable(error)));
        }
    }

    fn update(&self, id: &ConnectionId) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(connection_key(id)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    fn put_member(
        &self,
        scope: &Scope,
        id: &ConnectionId,
        expires: Timestamp,
    ) -> TransactWriteItem {
        let put = Put::builder().table_name(&self.table);
        let put = put.set_item(Some(member_item(scope, id, expires))).build();
        let put = put.expect("a table and an item are given");
        TransactWriteItem::builder().put(put).build()
    }

    fn delete_member(&self, scope: &Scope, id: &ConnectionId) -> TransactWriteItem {
        let delete = Delete::builder().table_name(&self.table);
        let delete = delete.set_key(Some(member_key(scope, id))).build();
        let delete = delete.expect("a table and a key are given");
        TransactWriteItem::builder().delete(delete).build()
    }

    /// Deletes the connection's members in all its rooms and of its user. What cannot be deleted is
    /// found gone later, or expires: the caller has won the record, and must learn what it was.
    async fn delete_members(&self, record: &Record) {
        let keys = record.scopes().map(|scope| member_key(&scope, &record.id));
        let deletes = keys.map(batch::delete).collect();
        if let Err(error) = batch::write(&self.client, &self.table, deletes).await {
            warn!(
                connection = %record.id,
                error = &error as &dyn std::error::Error,
                "a connection is removed, but not from all its rooms"
            );
        }
    }
}

/// Why a conditional change was not made.
enum Refused {
    /// The condition was not met by the record as it is, if there is one.
    Condition(Option<Record>),
    Failed(StoreError),
}

impl Refused {
    /// The error, if the record was not as `otherwise` explains.
    fn explain(self, at: Timestamp, otherwise: StoreError) -> StoreError {
        match self {
            Self::Condition(Some(record)) if record.at == at && !record.gone => otherwise,
            Self::Condition(_) => StoreError::NotConnected,
            Self::Failed(error) => error,
        }
    }
}

/// Why DynamoDB cancels a transaction that may well succeed a moment later.
const PASSING: &[&str] = &[
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
];

/// The first of the cancellation's reasons that has one of these codes.
fn reason<'a>(
    canceled: &'a TransactionCanceledException,
    codes: &[&str],
) -> Option<&'a CancellationReason> {
    let mut reasons = canceled.cancellation_reasons().iter();
    reasons.find(|reason| reason.code().is_some_and(|code| codes.contains(&code)))
}

impl Store for DynamoDb {
    async fn register(&self, record: &Record) -> Result<(), StoreError> {
        // The record first, with all its rooms: whatever happens then, a removal finds its members.
        let put = self.client.put_item().table_name(&self.table);
        let put = put.set_item(Some(item::from_record(record))).send();
        put.await.map_err(StoreError::unavailable)?;
        let members = record
            .scopes()
            .map(|scope| batch::put(member_item(&scope, &record.id, record.expires)));
        batch::write(&self.client, &self.table, members.collect()).await
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
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(connection_key(id)))
            .update_expression("SET gone = :true")
            .condition_expression("#at = :at AND attribute_not_exists(gone)")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", item::millis(at))
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .return_values(ReturnValue::AllOld);
        let marked = retry::conflicts(|| request.clone().send()).await;
        let marked = marked.map_err(SdkError::into_service_error);
        let marked = match marked {
            Ok(marked) => marked,
            Err(UpdateItemError::ConditionalCheckFailedException(_)) => return Ok(false),
            Err(error) => return Err(StoreError::unavailable(error)),
        };
        if let Some(record) = marked.attributes().and_then(|item| Item(item).record()) {
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
            .expression_attribute_values(":room", AttributeValue::Ss(vec![room.to_owned()]))
            .build()
            .expect("a table, a key and an expression are given");
        let member = self.put_member(&Scope::Room(room.to_owned()), id, expires);
        let joined = self.transact(update, vec![member]).await;
        joined.map_err(|refused| refused.explain(at, StoreError::TooManyRooms))
    }

    async fn leave(&self, id: &ConnectionId, at: Timestamp, room: &str) -> Result<(), StoreError> {
        let update = self
            .update(id)
            .update_expression("DELETE rooms :room")
            .condition_expression("#at = :at AND attribute_not_exists(gone)")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", item::millis(at))
            .expression_attribute_values(":room", AttributeValue::Ss(vec![room.to_owned()]))
            .build()
            .expect("a table, a key and an expression are given");
        let member = self.delete_member(&Scope::Room(room.to_owned()), id);
        match self.transact(update, vec![member]).await {
            // Who has ended has left.
            Ok(()) | Err(Refused::Condition(_)) => Ok(()),
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    async fn enter(&self, record: &Record, room: &str) -> Result<(), StoreError> {
        let (id, at) = (&record.id, record.at);
        let mut left: Vec<_> = record.rooms.iter().filter(|left| *left != room).collect();
        let mut before = record.rooms.clone();
        // A transaction has room for so many: whoever is in more leaves the others first.
        for first in left.drain(LEAVES_AT_ONCE.min(left.len())..) {
            self.leave(id, at, first).await?;
            before.remove(first);
        }
        let mut update = self
            .update(id)
            .update_expression("SET rooms = :rooms")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", item::millis(at))
            .expression_attribute_values(":rooms", AttributeValue::Ss(vec![room.to_owned()]));
        let live = "#at = :at AND attribute_not_exists(gone)";
        update = if before.is_empty() {
            update.condition_expression(format!("{live} AND attribute_not_exists(rooms)"))
        } else {
            let before = AttributeValue::Ss(before.into_iter().collect());
            update
                .condition_expression(format!("{live} AND rooms = :before"))
                .expression_attribute_values(":before", before)
        };
        let update = update
            .build()
            .expect("a table, a key and an expression are given");
        let mut members = vec![self.put_member(&Scope::Room(room.to_owned()), id, record.expires)];
        let left = left.into_iter().cloned().map(Scope::Room);
        members.extend(left.map(|left| self.delete_member(&left, id)));
        let entered = self.transact(update, members).await;
        entered.map_err(|refused| refused.explain(at, StoreError::Conflict))
    }

    async fn save(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        session: &str,
        version: u64,
    ) -> Result<u64, StoreError> {
        let next = version + 1;
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
                Err(Refused::Condition(record).explain(at, StoreError::Conflict))
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
                .expression_attribute_values(":pk", s(item::connections(slice.from)))
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
                    // `$` follows `#`: the range ends behind the last id of its last hash.
                    query
                        .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                        .expression_attribute_values(":from", s(format!("{:02x}#", slice.from)))
                        .expression_attribute_values(":to", s(format!("{:02x}$", slice.to)))
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
        let deleted = delete.set_key(Some(key)).send().await;
        deleted.map(drop).map_err(StoreError::unavailable)
    }
}
