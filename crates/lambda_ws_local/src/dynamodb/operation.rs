//! One DynamoDB operation: JSON in, JSON out, with the errors of AWS.

use bytes::Bytes;
use dynoxide::{Database, DynoxideError, Result};
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::panic::{AssertUnwindSafe, catch_unwind};

const UNKNOWN: &[u8] = br#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#;

/// The prefix of some messages of operations that write one item.
const ENVELOPE: &str = "1 validation error detected: ";

/// Whether an operation touches only the few items that its body names.
pub(super) fn is_light(operation: &str) -> bool {
    matches!(
        operation,
        "DeleteItem" | "GetItem" | "PutItem" | "TransactWriteItems" | "UpdateItem"
    )
}

/// Runs an operation. A panic of the engine becomes an error 500, which SDKs retry.
pub(super) fn answer(database: &Database, operation: &str, body: &[u8]) -> (StatusCode, Bytes) {
    match catch_unwind(AssertUnwindSafe(|| run(database, operation, body))) {
        Ok(Some(Ok(answer))) => (StatusCode::OK, answer.into()),
        Ok(Some(Err(error))) => refused(&wire(operation, error)),
        Ok(None) => (StatusCode::BAD_REQUEST, Bytes::from_static(UNKNOWN)),
        Err(_) => refused(&DynoxideError::InternalServerError(
            "the database failed".to_owned(),
        )),
    }
}

pub(super) fn refused(error: &DynoxideError) -> (StatusCode, Bytes) {
    let status =
        StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, error.to_json().into())
}

pub(super) fn unknown() -> (StatusCode, Bytes) {
    (StatusCode::BAD_REQUEST, Bytes::from_static(UNKNOWN))
}

fn run(database: &Database, operation: &str, body: &[u8]) -> Option<Result<Vec<u8>>> {
    Some(match operation {
        "BatchExecuteStatement" => {
            exchange(body, |request| database.batch_execute_statement(request))
        }
        "BatchGetItem" => exchange(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => exchange(body, |request| database.batch_write_item(request)),
        "CreateTable" => exchange(body, |request| database.create_table(request)),
        "DeleteItem" => exchange(body, |request| database.delete_item(request)),
        "DeleteTable" => exchange(body, |request| database.delete_table(request)),
        "DescribeStream" => exchange(body, |request| database.describe_stream(request)),
        "DescribeTable" => exchange(body, |request| database.describe_table(request)),
        "DescribeTimeToLive" => exchange(body, |request| database.describe_time_to_live(request)),
        "ExecuteStatement" => exchange(body, |request| database.execute_statement(request)),
        "ExecuteTransaction" => exchange(body, |request| database.execute_transaction(request)),
        "GetItem" => exchange(body, |request| database.get_item(request)),
        "GetRecords" => exchange(body, |request| database.get_records(request)),
        "GetShardIterator" => exchange(body, |request| database.get_shard_iterator(request)),
        "ListStreams" => exchange(body, |request| database.list_streams(request)),
        "ListTables" => exchange(body, |request| database.list_tables(request)),
        "ListTagsOfResource" => exchange(body, |request| database.list_tags_of_resource(request)),
        "PutItem" => exchange(body, |request| database.put_item(request)),
        "Query" => exchange(body, |request| database.query(request)),
        "Scan" => exchange(body, |request| database.scan(request)),
        "TagResource" => exchange(body, |request| database.tag_resource(request)),
        "TransactGetItems" => exchange(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => exchange(body, |request| database.transact_write_items(request)),
        "UntagResource" => exchange(body, |request| database.untag_resource(request)),
        "UpdateItem" => exchange(body, |request| database.update_item(request)),
        "UpdateTable" => exchange(body, |request| database.update_table(request)),
        "UpdateTimeToLive" => exchange(body, |request| database.update_time_to_live(request)),
        _ => return None,
    })
}

fn exchange<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    run: impl FnOnce(Q) -> Result<A>,
) -> Result<Vec<u8>> {
    let request = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    serde_json::to_vec(&run(request)?)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// Returns the error of a body that is not valid for the operation. The engine's types mark their kind with a prefix.
fn unreadable(error: &serde_json::Error) -> DynoxideError {
    let whole = error.to_string();
    let message = whole
        .rfind(" at line ")
        .map_or(whole.as_str(), |position| &whole[..position]);
    let marked = |text: &'_ str, mark| text.strip_prefix(mark).map(str::to_owned);
    if let Some(message) =
        marked(&whole, "SERIALIZATION_AS_READ:").or_else(|| marked(message, "SERIALIZATION:"))
    {
        DynoxideError::SerializationException(message)
    } else if let Some(message) = marked(message, "VALIDATION_REQUEST:") {
        DynoxideError::EnvelopedValidation(message)
    } else if let Some(message) =
        marked(&whole, "VALIDATION_AS_READ:").or_else(|| marked(message, "VALIDATION:"))
    {
        DynoxideError::ValidationException(message)
    } else if [
        "missing field",
        "unknown variant",
        "invalid type: null",
        "AttributeValue",
    ]
    .iter()
    .any(|sign| message.contains(sign))
    {
        DynoxideError::ValidationException(message.to_owned())
    } else {
        DynoxideError::SerializationException(message.to_owned())
    }
}

/// Converts the error into the operation's format.
fn wire(operation: &str, error: DynoxideError) -> DynoxideError {
    match (operation, error) {
        ("PutItem" | "UpdateItem" | "DeleteItem", DynoxideError::EnvelopedValidation(message))
            if !message.starts_with(ENVELOPE) =>
        {
            DynoxideError::ValidationException(format!("{ENVELOPE}{message}"))
        }
        (
            "ExecuteStatement",
            DynoxideError::ConditionalCheckFailedException(message, Some(item)),
        ) => DynoxideError::StatementConditionalCheckFailed(message, item),
        (_, error) => error,
    }
}
