//! Atomic changes of a connection's record and its members.

use super::DynamoDb;
use super::item::{Item, connection_key, member_item, member_key, millis};
use super::retry::BACKOFF;
use crate::random::new_id;
use crate::store::{Record, Scope, StoreError};
use crate::{ConnectionId, Timestamp};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use std::collections::BTreeSet;

impl DynamoDb {
    pub(super) async fn transact(
        &self,
        update: Update,
        members: Vec<TransactWriteItem>,
    ) -> Result<(), WriteError> {
        let mut items = vec![TransactWriteItem::builder().update(update).build()];
        items.extend(members);
        let mut backoff = BACKOFF;
        let mut token = token();
        loop {
            let sent = self.client.transact_write_items();
            let sent = sent.client_request_token(&token);
            let sent = sent.set_transact_items(Some(items.clone())).send().await;
            let Err(error) = sent else { return Ok(()) };
            let error = error.into_service_error();
            if let TransactWriteItemsError::TransactionCanceledException(canceled) = &error {
                if let Some(reason) = reason(canceled, &["ConditionalCheckFailed"]) {
                    let item = reason.item().and_then(|item| Item(item).record());
                    return Err(WriteError::Condition(item));
                }
                if reason(canceled, TRANSIENT).is_some() && backoff.wait().await {
                    token = self::token();
                    continue;
                }
            }
            // An earlier attempt with a lost response is still running. A retry with the same token gets its result.
            let unfinished = error.is_transaction_in_progress_exception();
            if unfinished && backoff.wait().await {
                continue;
            }
            return Err(WriteError::Failed(StoreError::unavailable(error)));
        }
    }

    pub(super) fn update(&self, id: &ConnectionId) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(connection_key(id)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    pub(super) fn put_member(
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

    pub(super) fn delete_member(&self, scope: &Scope, id: &ConnectionId) -> TransactWriteItem {
        let delete = Delete::builder().table_name(&self.table);
        let delete = delete.set_key(Some(member_key(scope, id))).build();
        let delete = delete.expect("a table and a key are given");
        TransactWriteItem::builder().delete(delete).build()
    }
}

/// The token by which DynamoDB recognises a repeated transaction.
pub(super) fn token() -> String {
    new_id()
}

pub(super) enum WriteError {
    /// The record, if there is one, does not meet the condition.
    Condition(Option<Record>),
    Failed(StoreError),
}

impl WriteError {
    /// Returns the error: `otherwise` explains a condition that a live record does not meet.
    pub(super) fn explain(self, at: Timestamp, otherwise: StoreError) -> StoreError {
        match self {
            Self::Condition(Some(record)) if record.at == at && !record.gone => otherwise,
            Self::Condition(_) => StoreError::NotConnected,
            Self::Failed(error) => error,
        }
    }
}

/// The reasons for which DynamoDB cancels a transaction that may succeed a moment later.
pub(super) const TRANSIENT: &[&str] = &[
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
];

/// The first of the cancellation's reasons that has one of these codes.
pub(super) fn reason<'a>(
    canceled: &'a TransactionCanceledException,
    codes: &[&str],
) -> Option<&'a CancellationReason> {
    let mut reasons = canceled.cancellation_reasons().iter();
    reasons.find(|reason| reason.code().is_some_and(|code| codes.contains(&code)))
}

/// Adds the condition that the connection is live and in exactly these rooms.
pub(super) fn if_in(
    update: UpdateBuilder,
    at: Timestamp,
    rooms: &BTreeSet<String>,
) -> UpdateBuilder {
    let live = "#at = :at AND attribute_not_exists(gone)";
    let update = update
        .expression_attribute_names("#at", "at")
        .expression_attribute_values(":at", millis(at));
    if rooms.is_empty() {
        return update.condition_expression(format!("{live} AND attribute_not_exists(rooms)"));
    }
    let rooms = AttributeValue::Ss(rooms.iter().cloned().collect());
    update
        .condition_expression(format!("{live} AND rooms = :before"))
        .expression_attribute_values(":before", rooms)
}

pub(super) fn built(update: UpdateBuilder) -> Update {
    update
        .build()
        .expect("a table, a key and an expression are given")
}
