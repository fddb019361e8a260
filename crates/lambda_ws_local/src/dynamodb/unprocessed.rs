//! Batches that are processed in part.

use bytes::Bytes;
use serde_json::{Map, Value};

/// The unprocessed items of a batch.
pub(super) struct Unprocessed {
    /// The member of the response for them.
    member: &'static str,
    tables: Map<String, Value>,
}

/// Keeps a part of a batch in the request and returns the others, each at least one item. Returns `None` for a batch of
/// one item, because DynamoDB does not return a whole batch as unprocessed.
///
/// `below` chooses a number below its argument.
pub(super) fn split(
    operation: &str,
    request: &mut Value,
    below: impl Fn(usize) -> usize,
) -> Option<Unprocessed> {
    let (member, list) = match operation {
        "BatchWriteItem" => ("UnprocessedItems", None),
        "BatchGetItem" => ("UnprocessedKeys", Some("Keys")),
        _ => return None,
    };
    let tables = request.get_mut("RequestItems")?.as_object_mut()?;
    let length = |table: &Value| items(table, list).map_or(0, Vec::len);
    let all: usize = tables.values().map(length).sum();
    if all < 2 {
        return None;
    }
    let mut left = 1 + below(all - 1);
    let mut rest = Map::new();
    for (name, table) in tables.iter_mut() {
        let here = length(table).min(left);
        left -= here;
        let mut later = table.clone();
        if let Some(items) = items_mut(&mut later, list) {
            items.drain(..here);
        }
        if let Some(items) = items_mut(table, list) {
            items.truncate(here);
        }
        if length(&later) > 0 {
            rest.insert(name.clone(), later);
        }
    }
    tables.retain(|_, table| length(table) > 0);
    Some(Unprocessed {
        member,
        tables: rest,
    })
}

impl Unprocessed {
    /// Adds the unprocessed items to the response of the processed part.
    pub(super) fn join(self, answer: &[u8]) -> Bytes {
        let mut answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let list = (self.member == "UnprocessedKeys").then_some("Keys");
        let mut tables = self.tables;
        // The engine itself may leave items unprocessed, because of the size limit.
        if let Some(Value::Object(already)) = answer.get_mut(self.member).map(Value::take) {
            for (name, table) in already {
                match (tables.get_mut(&name), items(&table, list)) {
                    (Some(rest), Some(more)) => {
                        if let Some(items) = items_mut(rest, list) {
                            items.extend(more.iter().cloned());
                        }
                    }
                    _ => drop(tables.insert(name, table)),
                }
            }
        }
        answer[self.member] = tables.into();
        answer.to_string().into()
    }
}

fn items<'a>(table: &'a Value, list: Option<&str>) -> Option<&'a Vec<Value>> {
    match list {
        Some(name) => table.get(name)?.as_array(),
        None => table.as_array(),
    }
}

fn items_mut<'a>(table: &'a mut Value, list: Option<&str>) -> Option<&'a mut Vec<Value>> {
    match list {
        Some(name) => table.get_mut(name)?.as_array_mut(),
        None => table.as_array_mut(),
    }
}
