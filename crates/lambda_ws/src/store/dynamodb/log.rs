//! Logs of rooms in the table: `H#<room>`, `<epoch>#<n>` and the head `$`.

use super::DynamoDb;
use super::item::{Attributes, Item, key, millis, s, secs};
use super::retry::{self, BACKOFF};
use super::transaction::{TRANSIENT, reason, token};
use crate::store::StoreError;
use crate::store::log::{Entry, LogTable, Newest, Part, Written};
use crate::{Position, Timestamp};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use lambda_ws_protocol::table_layout;
use std::time::Duration;

/// How long the head of a log outlives the start of its last epoch: much longer than any message is stored, so that the
/// next epoch is a later one. A room that nobody uses leaves nothing behind.
const HEAD: Duration = Duration::from_secs(2 * 366 * 24 * 60 * 60);

fn entry_key(room: &str, position: &Position) -> Attributes {
    let sk = table_layout::log_message(&position.epoch, position.seq);
    key(table_layout::log(room), sk)
}

fn head_key(room: &str) -> Attributes {
    key(table_layout::log(room), table_layout::LOG_HEAD.to_owned())
}

fn item(room: &str, entry: &Entry) -> Attributes {
    let mut item = entry_key(room, &entry.position);
    if let Some(data) = &entry.data {
        item.insert("data".to_owned(), s(data));
    }
    item.insert("at".to_owned(), millis(entry.at));
    item.insert("exp".to_owned(), secs(entry.expires));
    // Bytes, so that a message costs the same with each nonce.
    let nonce = Blob::new(entry.nonce.to_be_bytes());
    item.insert("n".to_owned(), AttributeValue::B(nonce));
    item
}

fn entry(item: &Attributes) -> Option<Entry> {
    let nonce = item.get("n")?.as_b().ok()?.as_ref();
    let item = Item(item);
    let (epoch, seq) = table_layout::log_position(item.text("sk")?)?;
    Some(Entry {
        position: Position::new(epoch, seq),
        data: item.text("data").map(str::to_owned),
        at: Timestamp::from_millis(item.number("at")?),
        expires: Timestamp::from_secs(item.number("exp")?),
        nonce: u64::from_be_bytes(nonce.try_into().ok()?),
    })
}

/// The error of an item that no version of this library writes.
fn foreign() -> StoreError {
    StoreError::unavailable(
        "an item in the log of a room is not valid: give the connections a table that no other program writes",
    )
}

impl LogTable for DynamoDb {
    async fn newest(&self, room: &str) -> Result<Newest, StoreError> {
        let query = self.client.query().table_name(&self.table);
        let query = query
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(table_layout::log(room)))
            .scan_index_forward(false)
            .limit(1)
            .consistent_read(true);
        let found = query.send().await.map_err(StoreError::unavailable)?;
        let Some(item) = found.items().first() else {
            return Ok(Newest::Nothing);
        };
        match (entry(item), Item(item).text("epoch")) {
            (Some(entry), _) => Ok(Newest::Entry(entry)),
            (None, Some(epoch)) => Ok(Newest::Head(epoch.to_owned())),
            (None, None) => Err(foreign()),
        }
    }

    async fn part(&self, room: &str, from: &Position, most: usize) -> Result<Part, StoreError> {
        let first = table_layout::log_message(&from.epoch, from.seq);
        let query = self.client.query().table_name(&self.table);
        let query = query
            .key_condition_expression("pk = :pk AND sk >= :from")
            .expression_attribute_values(":pk", s(table_layout::log(room)))
            .expression_attribute_values(":from", s(first))
            .limit(most.try_into().unwrap_or(i32::MAX))
            .consistent_read(true);
        let found = query.send().await.map_err(StoreError::unavailable)?;
        let entries: Option<_> = found.items().iter().map(entry).collect();
        Ok(Part {
            entries: entries.ok_or_else(foreign)?,
            more: found.last_evaluated_key().is_some(),
        })
    }

    async fn put(&self, room: &str, new: &Entry) -> Result<Written<Entry>, StoreError> {
        let put = self.client.put_item().table_name(&self.table);
        let put = put
            .set_item(Some(item(room, new)))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let done = retry::conflicts(|| put.clone().send()).await;
        match done.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Written::Done),
            Err(PutItemError::ConditionalCheckFailedException(failed)) => {
                let found = failed.item().and_then(entry);
                Ok(Written::Refused(found.ok_or_else(foreign)?))
            }
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }

    async fn begin(
        &self,
        room: &str,
        former: Option<&str>,
        end: Option<&Entry>,
        first: &Entry,
    ) -> Result<Written<Option<String>>, StoreError> {
        let items = self.beginning(room, former, end, first);
        let mut backoff = BACKOFF;
        let mut token = token();
        loop {
            let sent = self.client.transact_write_items();
            let sent = sent.client_request_token(&token);
            let sent = sent.set_transact_items(Some(items.clone())).send().await;
            let Err(error) = sent else {
                return Ok(Written::Done);
            };
            let error = error.into_service_error();
            if let TransactWriteItemsError::TransactionCanceledException(canceled) = &error {
                if reason(canceled, &["ConditionalCheckFailed"]).is_some() {
                    let head = canceled.cancellation_reasons().first();
                    let head = head.and_then(|head| head.item());
                    let epoch = head.and_then(|head| Item(head).text("epoch").map(str::to_owned));
                    return Ok(Written::Refused(epoch));
                }
                if reason(canceled, TRANSIENT).is_some() && backoff.wait().await {
                    token = super::transaction::token();
                    continue;
                }
            }
            if error.is_transaction_in_progress_exception() && backoff.wait().await {
                continue;
            }
            return Err(StoreError::unavailable(error));
        }
    }
}

impl DynamoDb {
    /// The transaction that begins an epoch.
    fn beginning(
        &self,
        room: &str,
        former: Option<&str>,
        end: Option<&Entry>,
        first: &Entry,
    ) -> Vec<TransactWriteItem> {
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        let head = Update::builder()
            .table_name(&self.table)
            .set_key(Some(head_key(room)))
            .update_expression("SET epoch = :epoch, #at = :at, exp = :exp")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":epoch", s(&*first.position.epoch))
            .expression_attribute_values(":at", millis(first.at))
            .expression_attribute_values(":exp", secs(first.at + HEAD))
            .return_values_on_condition_check_failure(old);
        let head = match former {
            Some(former) => head
                .condition_expression("attribute_not_exists(epoch) OR epoch = :former")
                .expression_attribute_values(":former", s(former)),
            None => head.condition_expression("attribute_not_exists(epoch)"),
        };
        let put = |entry: &Entry| {
            let put = Put::builder().table_name(&self.table);
            let put = put.condition_expression("attribute_not_exists(pk)");
            let put = put.set_item(Some(item(room, entry))).build();
            let put = put.expect("a table and an item are given");
            TransactWriteItem::builder().put(put).build()
        };
        // Not a condition check, for which the function would need another permission.
        let mut items = vec![
            TransactWriteItem::builder()
                .update(super::transaction::built(head))
                .build(),
        ];
        items.extend(end.map(put));
        items.push(put(first));
        items
    }
}
