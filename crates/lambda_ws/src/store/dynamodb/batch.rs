//! Batch requests with retries of unprocessed items.

use super::item::Attributes;
use super::retry::{self, BACKOFF};
use crate::store::StoreError;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, PutRequest, WriteRequest};

/// The most items of one BatchWriteItem and one BatchGetItem.
const WRITES: usize = 25;
const READS: usize = 100;

const UNPROCESSED: &str = "DynamoDB repeatedly left items of a batch unprocessed: \
                           the table's capacity is too small; fix: raise it or use on-demand capacity";

pub(super) fn put(item: Attributes) -> WriteRequest {
    let put = PutRequest::builder().set_item(Some(item)).build();
    let put = put.expect("an item is given");
    WriteRequest::builder().put_request(put).build()
}

pub(super) fn delete(key: Attributes) -> WriteRequest {
    let delete = DeleteRequest::builder().set_key(Some(key)).build();
    let delete = delete.expect("a key is given");
    WriteRequest::builder().delete_request(delete).build()
}

pub(super) async fn write(
    client: &Client,
    table: &str,
    mut writes: Vec<WriteRequest>,
) -> Result<(), StoreError> {
    let mut backoff = BACKOFF;
    while !writes.is_empty() {
        let rest = writes.split_off(writes.len().min(WRITES));
        let now = std::mem::replace(&mut writes, rest);
        let sent = client.batch_write_item().request_items(table, now);
        let done = retry::conflicts(|| sent.clone().send())
            .await
            .map_err(StoreError::unavailable)?;
        let left = done.unprocessed_items.unwrap_or_default();
        let left: Vec<_> = left.into_values().flatten().collect();
        if !left.is_empty() {
            writes.extend(left);
            if !backoff.wait().await {
                return Err(StoreError::unavailable(UNPROCESSED));
            }
        }
    }
    Ok(())
}

pub(super) async fn read(
    client: &Client,
    table: &str,
    mut keys: Vec<Attributes>,
) -> Result<Vec<Attributes>, StoreError> {
    let mut items = Vec::with_capacity(keys.len());
    let mut backoff = BACKOFF;
    while !keys.is_empty() {
        let rest = keys.split_off(keys.len().min(READS));
        let now = std::mem::replace(&mut keys, rest);
        let now = KeysAndAttributes::builder()
            .set_keys(Some(now))
            .consistent_read(true)
            .build()
            .expect("keys are given");
        let sent = client.batch_get_item().request_items(table, now);
        let done = sent.send().await.map_err(StoreError::unavailable)?;
        items.extend(done.responses.unwrap_or_default().into_values().flatten());
        let left = done.unprocessed_keys.unwrap_or_default();
        let left: Vec<_> = left.into_values().flat_map(|left| left.keys).collect();
        if !left.is_empty() {
            keys.extend(left);
            if !backoff.wait().await {
                return Err(StoreError::unavailable(UNPROCESSED));
            }
        }
    }
    Ok(items)
}
