//! Values in the table: `K#<namespace>`, `<key>`, with the attributes value, v and exp.

use super::item::{Attributes, s, secs};
use super::retry;
use super::{DynamoDb, VERSION_STEP};
use crate::Timestamp;
use crate::store::{StoreError, Values};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

fn value_key(namespace: &str, key: &str) -> Attributes {
    Attributes::from([
        ("pk".to_owned(), s(format!("K#{namespace}"))),
        ("sk".to_owned(), s(key)),
    ])
}

impl Values for DynamoDb {
    async fn insert(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut item = value_key(namespace, key);
        item.insert("value".to_owned(), s(value));
        // A version of its own: if the answer is lost, the next attempt knows it again.
        let version = AttributeValue::N(fastrand::u64(1..=VERSION_STEP).to_string());
        item.insert("v".to_owned(), version.clone());
        if let Some(expires) = expires {
            item.insert("exp".to_owned(), secs(expires));
        }
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR exp <= :now")
            .expression_attribute_values(":now", secs(now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = retry::conflicts(|| request.clone().send()).await;
        match put.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(true),
            Err(PutItemError::ConditionalCheckFailedException(failed)) => {
                Ok(failed.item.and_then(|mut item| item.remove("v")) == Some(version))
            }
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }

    async fn take(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(value_key(namespace, key)))
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(exp) OR exp > :now)",
            )
            .expression_attribute_values(":now", secs(now))
            .return_values(ReturnValue::AllOld);
        let deleted = retry::conflicts(|| request.clone().send()).await;
        match deleted.map_err(SdkError::into_service_error) {
            Ok(done) => {
                let value = done.attributes.and_then(|mut item| item.remove("value"));
                Ok(value.and_then(|value| match value {
                    AttributeValue::S(value) => Some(value),
                    _ => None,
                }))
            }
            Err(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(None),
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }
}
