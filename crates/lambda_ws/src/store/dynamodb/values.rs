//! Values in the table: `K#<namespace>`, `<key>`, with the attributes value, v and exp.

use super::DynamoDb;
use super::item::{Attributes, Item, s, secs};
use super::{batch, retry};
use crate::Timestamp;
use crate::store::{Entries, KeyPage, KeyValueStore, StoreError, Value};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use lambda_ws_protocol::table_layout;
use std::collections::HashMap;

/// The condition, or filter, of a value that has not expired.
const LIVE: &str = "attribute_not_exists(exp) OR exp > :now";

fn partition(namespace: &str) -> AttributeValue {
    s(table_layout::values(namespace))
}

fn value_key(namespace: &str, key: &str) -> Attributes {
    super::item::key(table_layout::values(namespace), key.to_owned())
}

/// Returns a unique version, by which a write recognizes itself after a lost response. It comes from the operating
/// system's randomness, which differs between processes.
fn new_version() -> Result<u64, StoreError> {
    let random = getrandom::u64().map_err(StoreError::unavailable)?;
    Ok(random >> 11)
}

fn sort_key(item: &Attributes) -> Option<String> {
    Item(item).text("sk").map(str::to_owned)
}

impl DynamoDb {
    fn put_value(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
        version: u64,
    ) -> PutItemFluentBuilder {
        let mut item = value_key(namespace, key);
        item.insert("value".to_owned(), s(value));
        item.insert("v".to_owned(), AttributeValue::N(version.to_string()));
        if let Some(expires) = expires {
            item.insert("exp".to_owned(), secs(expires));
        }
        let put = self.client.put_item().table_name(&self.table);
        put.set_item(Some(item))
    }

    /// Returns the query for the values of a namespace with keys that begin with `prefix`, after the key `after`.
    fn values(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        now: Timestamp,
    ) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.table);
        let query = query
            .expression_attribute_values(":pk", partition(namespace))
            .expression_attribute_values(":now", secs(now))
            .filter_expression(LIVE)
            .consistent_read(true)
            .set_exclusive_start_key(after.map(|key| value_key(namespace, key)));
        // DynamoDB rejects an empty prefix.
        match prefix {
            "" => query.key_condition_expression("pk = :pk"),
            prefix => query
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", s(prefix)),
        }
    }

    fn delete_value(&self, namespace: &str, key: &str, now: Timestamp) -> DeleteItemFluentBuilder {
        let delete = self.client.delete_item().table_name(&self.table);
        delete
            .set_key(Some(value_key(namespace, key)))
            .condition_expression(format!("attribute_exists(pk) AND ({LIVE})"))
            .expression_attribute_values(":now", secs(now))
    }
}

impl KeyValueStore for DynamoDb {
    async fn read(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Value>, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(value_key(namespace, key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::unavailable)?;
        let value = found.item().and_then(|item| Item(item).value());
        Ok(value.filter(|value| value.expires.is_none_or(|expires| expires > now)))
    }

    async fn write(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        let version = new_version()?;
        let put = self.put_value(namespace, key, value, expires, version);
        let put = retry::conflicts(|| put.clone().send()).await;
        put.map(|_| version).map_err(StoreError::unavailable)
    }

    async fn replace(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
        version: Option<u64>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let next = new_version()?;
        let put = self
            .put_value(namespace, key, value, expires, next)
            .expression_attribute_values(":now", secs(now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match version {
            Some(version) => put
                .condition_expression(format!("v = :v AND ({LIVE})"))
                .expression_attribute_values(":v", AttributeValue::N(version.to_string())),
            None => put.condition_expression("attribute_not_exists(pk) OR exp <= :now"),
        };
        let put = retry::conflicts(|| put.clone().send()).await;
        match put.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(next),
            Err(PutItemError::ConditionalCheckFailedException(failed)) => {
                // After a lost response the conflict may be this call's own write.
                let found = failed.item().and_then(|item| Item(item).value());
                match found.is_some_and(|found| found.version == next) {
                    true => Ok(next),
                    false => Err(StoreError::Conflict),
                }
            }
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }

    async fn delete(&self, namespace: &str, key: &str, now: Timestamp) -> Result<bool, StoreError> {
        let delete = self.delete_value(namespace, key, now);
        let deleted = retry::conflicts(|| delete.clone().send()).await;
        match deleted.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(true),
            Err(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }

    async fn delete_if(
        &self,
        namespace: &str,
        key: &str,
        version: u64,
    ) -> Result<bool, StoreError> {
        let delete = self.client.delete_item().table_name(&self.table);
        let delete = delete
            .set_key(Some(value_key(namespace, key)))
            .condition_expression("v = :v")
            .expression_attribute_values(":v", AttributeValue::N(version.to_string()));
        let deleted = retry::conflicts(|| delete.clone().send()).await;
        match deleted.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(true),
            Err(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }

    async fn take(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let delete = self.delete_value(namespace, key, now);
        let delete = delete.return_values(ReturnValue::AllOld);
        let deleted = retry::conflicts(|| delete.clone().send()).await;
        match deleted.map_err(SdkError::into_service_error) {
            Ok(done) => {
                let taken = done.attributes().and_then(|item| Item(item).value());
                Ok(taken.map(|taken| taken.value))
            }
            Err(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(None),
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }

    async fn keys(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        now: Timestamp,
    ) -> Result<KeyPage, StoreError> {
        let query = self.values(namespace, prefix, after, now);
        let query = query.projection_expression("sk");
        let found = query.send().await.map_err(StoreError::unavailable)?;
        Ok(KeyPage {
            keys: found.items().iter().filter_map(sort_key).collect(),
            next: found.last_evaluated_key().and_then(sort_key),
        })
    }

    async fn entries(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        most: usize,
        now: Timestamp,
    ) -> Result<Entries, StoreError> {
        let query = self.values(namespace, prefix, after, now);
        let query = query.limit(most.clamp(1, i32::MAX as usize) as i32);
        let found = query.send().await.map_err(StoreError::unavailable)?;
        let entry = |item| Some((sort_key(item)?, Item(item).value()?));
        Ok(Entries {
            entries: found.items().iter().filter_map(entry).collect(),
            next: found.last_evaluated_key().and_then(sort_key),
        })
    }

    async fn read_all(
        &self,
        keys: &[(String, String)],
        now: Timestamp,
    ) -> Result<Vec<Option<Value>>, StoreError> {
        let mut wanted: HashMap<(String, &str), Vec<usize>> = HashMap::new();
        for (at, (namespace, key)) in keys.iter().enumerate() {
            let wanted = wanted.entry((table_layout::values(namespace), key));
            wanted.or_default().push(at);
        }
        let requests = wanted.values().map(|at| {
            let (namespace, key) = &keys[at[0]];
            value_key(namespace, key)
        });
        let items = batch::read(&self.client, &self.table, requests.collect()).await?;
        let mut values = vec![None; keys.len()];
        for item in &items {
            let item = Item(item);
            let (Some(pk), Some(sk)) = (item.text("pk"), item.text("sk")) else {
                continue;
            };
            let value = item.value();
            let value = value.filter(|value| value.expires.is_none_or(|expires| expires > now));
            for at in wanted.get(&(pk.to_owned(), sk)).into_iter().flatten() {
                values[*at] = value.clone();
            }
        }
        Ok(values)
    }

    async fn delete_all(
        &self,
        namespace: &str,
        keys: &[String],
        _: Timestamp,
    ) -> Result<(), StoreError> {
        let deletes = keys
            .iter()
            .map(|key| batch::delete(value_key(namespace, key)));
        batch::write(&self.client, &self.table, deletes.collect()).await
    }
}
