//! Other names of the keys and the TTL attribute.
//!
//! The store writes its requests with the default names. An interceptor of the client renames them, so a table with the
//! default names costs nothing more.

use super::item::Attributes;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Intercept;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextMut, FinalizerInterceptorContextMut,
};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::batch_write_item::{BatchWriteItemInput, BatchWriteItemOutput};
use aws_sdk_dynamodb::operation::delete_item::{DeleteItemInput, DeleteItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsError, TransactWriteItemsInput,
};
use aws_sdk_dynamodb::operation::update_item::{
    UpdateItemError, UpdateItemInput, UpdateItemOutput,
};
use aws_sdk_dynamodb::types::{KeysAndAttributes, WriteRequest};
use aws_smithy_runtime_api::client::interceptors::context::{Error, Input, Output};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use lambda_ws_protocol::table_layout::TableAttributes;
use std::collections::HashMap;

/// Returns a client that uses these names in place of the default ones.
pub(super) fn renaming(client: &Client, attributes: &TableAttributes) -> Client {
    let default = TableAttributes::default();
    let names = default.names().map(str::to_owned);
    let theirs = attributes.names().map(str::to_owned);
    let pairs = names.into_iter().zip(theirs);
    let renamer = Renamer(pairs.filter(|(ours, theirs)| ours != theirs).collect());
    let config = client.config().to_builder().interceptor(renamer);
    Client::from_conf(config.build())
}

/// The pairs of a default name and the table's name that differ.
#[derive(Debug)]
struct Renamer(Vec<(String, String)>);

impl Intercept for Renamer {
    fn name(&self) -> &'static str {
        "TableAttributes"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.request(context.input_mut());
        Ok(())
    }

    fn modify_before_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match context.output_or_error_mut() {
            Some(Ok(output)) => self.response(output),
            Some(Err(error)) if error.is_operation_error() => {
                let taken = std::mem::replace(error, OrchestratorError::other("taken"));
                *error = taken.map_operation_error(|mut error| {
                    self.error(&mut error);
                    error
                });
            }
            _ => {}
        }
        Ok(())
    }
}

/// The names in the expressions of a request.
type Names = Option<HashMap<String, String>>;

impl Renamer {
    fn request(&self, input: &mut Input) {
        if let Some(get) = input.downcast_mut::<GetItemInput>() {
            self.to_theirs(get.key.as_mut());
        } else if let Some(query) = input.downcast_mut::<QueryInput>() {
            self.to_theirs(query.exclusive_start_key.as_mut());
            let expressions = [
                &mut query.key_condition_expression,
                &mut query.filter_expression,
                &mut query.projection_expression,
            ];
            self.expressions(expressions, &mut query.expression_attribute_names);
        } else if let Some(put) = input.downcast_mut::<PutItemInput>() {
            self.to_theirs(put.item.as_mut());
            let expressions = [&mut put.condition_expression];
            self.expressions(expressions, &mut put.expression_attribute_names);
        } else if let Some(update) = input.downcast_mut::<UpdateItemInput>() {
            self.to_theirs(update.key.as_mut());
            let expressions = [
                &mut update.update_expression,
                &mut update.condition_expression,
            ];
            self.expressions(expressions, &mut update.expression_attribute_names);
        } else if let Some(delete) = input.downcast_mut::<DeleteItemInput>() {
            self.to_theirs(delete.key.as_mut());
            let expressions = [&mut delete.condition_expression];
            self.expressions(expressions, &mut delete.expression_attribute_names);
        } else if let Some(batch) = input.downcast_mut::<BatchGetItemInput>() {
            keys(&mut batch.request_items).for_each(|key| self.to_theirs(Some(key)));
        } else if let Some(batch) = input.downcast_mut::<BatchWriteItemInput>() {
            writes(&mut batch.request_items).for_each(|item| self.to_theirs(Some(item)));
        } else if let Some(transaction) = input.downcast_mut::<TransactWriteItemsInput>() {
            self.transaction(transaction);
        } else {
            debug_assert!(false, "the store sends an unknown operation: {input:?}");
        }
    }

    fn transaction(&self, transaction: &mut TransactWriteItemsInput) {
        for item in transaction.transact_items.iter_mut().flatten() {
            debug_assert!(item.condition_check.is_none());
            if let Some(put) = &mut item.put {
                self.to_theirs(Some(&mut put.item));
                let expressions = [&mut put.condition_expression];
                self.expressions(expressions, &mut put.expression_attribute_names);
            }
            if let Some(delete) = &mut item.delete {
                self.to_theirs(Some(&mut delete.key));
                let expressions = [&mut delete.condition_expression];
                self.expressions(expressions, &mut delete.expression_attribute_names);
            }
            if let Some(update) = &mut item.update {
                self.to_theirs(Some(&mut update.key));
                let mut changes = Some(std::mem::take(&mut update.update_expression));
                let expressions = [&mut changes, &mut update.condition_expression];
                self.expressions(expressions, &mut update.expression_attribute_names);
                update.update_expression = changes.unwrap_or_default();
            }
        }
    }

    fn response(&self, output: &mut Output) {
        if let Some(got) = output.downcast_mut::<GetItemOutput>() {
            self.to_ours(got.item.as_mut());
        } else if let Some(found) = output.downcast_mut::<QueryOutput>() {
            let items = found.items.iter_mut().flatten();
            items.for_each(|item| self.to_ours(Some(item)));
            self.to_ours(found.last_evaluated_key.as_mut());
        } else if let Some(put) = output.downcast_mut::<PutItemOutput>() {
            self.to_ours(put.attributes.as_mut());
        } else if let Some(updated) = output.downcast_mut::<UpdateItemOutput>() {
            self.to_ours(updated.attributes.as_mut());
        } else if let Some(deleted) = output.downcast_mut::<DeleteItemOutput>() {
            self.to_ours(deleted.attributes.as_mut());
        } else if let Some(batch) = output.downcast_mut::<BatchGetItemOutput>() {
            let items = batch.responses.iter_mut().flat_map(HashMap::values_mut);
            items.flatten().for_each(|item| self.to_ours(Some(item)));
            keys(&mut batch.unprocessed_keys).for_each(|key| self.to_ours(Some(key)));
        } else if let Some(batch) = output.downcast_mut::<BatchWriteItemOutput>() {
            writes(&mut batch.unprocessed_items).for_each(|item| self.to_ours(Some(item)));
        }
    }

    /// Renames the items of conditions that failed.
    fn error(&self, error: &mut Error) {
        if let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.downcast_mut() {
            self.to_ours(failed.item.as_mut());
        } else if let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
            error.downcast_mut()
        {
            self.to_ours(failed.item.as_mut());
        } else if let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
            error.downcast_mut()
        {
            let reasons = canceled.cancellation_reasons.iter_mut().flatten();
            reasons.for_each(|reason| self.to_ours(reason.item.as_mut()));
        }
    }

    fn to_theirs(&self, item: Option<&mut Attributes>) {
        rename(item, self.0.iter().map(|(ours, theirs)| (ours, theirs)));
    }

    fn to_ours(&self, item: Option<&mut Attributes>) {
        rename(item, self.0.iter().map(|(ours, theirs)| (theirs, ours)));
    }

    /// Replaces the names in expressions with placeholders, because a table's names may be reserved words.
    fn expressions<const N: usize>(&self, all: [&mut Option<String>; N], names: &mut Names) {
        for expression in all.into_iter().flatten() {
            *expression = self.expression(expression, names);
        }
    }

    fn expression(&self, expression: &str, names: &mut Names) -> String {
        let mut renamed = String::with_capacity(expression.len() + 8);
        let is_word = |c: char| c.is_ascii_alphanumeric() || "_:#".contains(c);
        let mut rest = expression;
        while !rest.is_empty() {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if let Some((ours, theirs)) = self.0.iter().find(|(ours, _)| ours == word) {
                let placeholder = format!("#{ours}");
                renamed.push_str(&placeholder);
                let names = names.get_or_insert_default();
                names.insert(placeholder, theirs.clone());
            } else {
                renamed.push_str(word);
            }
            let end = after.find(is_word).unwrap_or(after.len());
            renamed.push_str(&after[..end]);
            rest = &after[end..];
        }
        renamed
    }
}

/// Renames attributes. All are taken first, because two may exchange their names.
fn rename<'n>(
    item: Option<&mut Attributes>,
    pairs: impl Iterator<Item = (&'n String, &'n String)>,
) {
    let Some(item) = item else { return };
    let mut taken = [const { None }; 3];
    for ((from, to), taken) in pairs.zip(&mut taken) {
        *taken = item.remove(from).map(|value| (to, value));
    }
    let named = taken.into_iter().flatten();
    item.extend(named.map(|(name, value)| (name.clone(), value)));
}

fn keys(
    requests: &mut Option<HashMap<String, KeysAndAttributes>>,
) -> impl Iterator<Item = &mut Attributes> {
    let tables = requests.iter_mut().flat_map(HashMap::values_mut);
    tables.flat_map(|table| &mut table.keys)
}

fn writes(
    requests: &mut Option<HashMap<String, Vec<WriteRequest>>>,
) -> impl Iterator<Item = &mut Attributes> {
    let writes = requests.iter_mut().flat_map(HashMap::values_mut).flatten();
    writes.flat_map(|write| {
        let item = write.put_request.as_mut().map(|put| &mut put.item);
        let key = write.delete_request.as_mut().map(|delete| &mut delete.key);
        item.into_iter().chain(key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::dynamodb::item::s;

    fn renamer(names: &[(&str, &str)]) -> Renamer {
        let names = names.iter().map(|(a, b)| ((*a).into(), (*b).into()));
        Renamer(names.collect())
    }

    #[test]
    fn only_the_names_of_attributes_are_replaced_in_expressions() {
        let renamer = renamer(&[("pk", "PK"), ("exp", "ttl")]);
        let mut names = None;
        let same = "SET expires = :exp, #pk = sk.pk2, n = :pk";
        assert_eq!(renamer.expression(same, &mut names), same);
        assert_eq!(names, None);
        let renamed = renamer.expression("attribute_exists(pk) AND (exp > :now)", &mut names);
        assert_eq!(renamed, "attribute_exists(#pk) AND (#exp > :now)");
        let expected = [("#pk", "PK"), ("#exp", "ttl")].map(|(a, b)| (a.into(), b.into()));
        assert_eq!(names, Some(HashMap::from(expected)));
    }

    #[test]
    fn names_can_be_exchanged_and_return() {
        let renamer = renamer(&[("pk", "sk"), ("sk", "pk"), ("exp", "ttl")]);
        let item = |pairs: [(&str, &str); 3]| {
            let pairs = pairs.map(|(name, value)| (name.to_owned(), s(value)));
            HashMap::from(pairs)
        };
        let mut renamed = item([("pk", "p"), ("sk", "s"), ("at", "a")]);
        let ours = renamed.clone();
        renamer.to_theirs(Some(&mut renamed));
        assert_eq!(renamed, item([("sk", "p"), ("pk", "s"), ("at", "a")]));
        renamer.to_ours(Some(&mut renamed));
        assert_eq!(renamed, ours);
    }
}
