//! The recent state of a database, which an eventually consistent read may see.

use super::DynamoDb;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How long a read may miss a write. DynamoDB documents "usually one second or less".
const LAG: Duration = Duration::from_secs(1);

/// A second database with the state before the last write of every item that was written within [`LAG`]. Its reads
/// support filters, projections and pages like all others.
///
/// It copies the replaced items before a write. Their new state is copied later, at the next use. The clock is tokio's.
pub(super) struct StaleSnapshot {
    copy: DynamoDb,
    keys: HashMap<String, Vec<String>>,
    recent: VecDeque<Recent>,
    /// The number of the last write of each recent item.
    last: HashMap<String, u64>,
    number: u64,
}

/// A write that reads may miss.
struct Recent {
    when: Instant,
    number: u64,
    item: Item,
}

struct Item {
    table: String,
    key: Value,
}

/// Whether a call may be eventually consistent.
pub(super) fn is_eventual(operation: &str, request: &Value) -> bool {
    let consistent = |part: &Value| part["ConsistentRead"] == json!(true);
    match operation {
        "GetItem" | "Query" | "Scan" => !consistent(request),
        "BatchGetItem" => request["RequestItems"]
            .as_object()
            .is_some_and(|tables| !tables.values().any(consistent)),
        _ => false,
    }
}

impl StaleSnapshot {
    /// Copies a database. Returns `None` if it cannot be copied.
    pub(super) async fn of(origin: &DynamoDb) -> Option<StaleSnapshot> {
        let mut snapshot = StaleSnapshot {
            copy: DynamoDb::memory().ok()?,
            keys: HashMap::new(),
            recent: VecDeque::new(),
            last: HashMap::new(),
            number: 0,
        };
        let mut list = json!({});
        loop {
            let tables = origin.json("ListTables", &list).await.ok()?;
            for name in tables["TableNames"].as_array()? {
                snapshot.add(origin, name.as_str()?).await?;
            }
            match &tables["LastEvaluatedTableName"] {
                Value::Null => return Some(snapshot),
                last => list["ExclusiveStartTableName"] = last.clone(),
            }
        }
    }

    async fn add(&mut self, origin: &DynamoDb, name: &str) -> Option<()> {
        let described = origin
            .json("DescribeTable", &json!({"TableName": name}))
            .await;
        let table = described.ok()?["Table"].take();
        let mut create = pick(&table, &["TableName", "AttributeDefinitions", "KeySchema"]);
        create.insert("BillingMode".to_owned(), "PAY_PER_REQUEST".into());
        for indexes in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
            let Some(list) = table[indexes].as_array() else {
                continue;
            };
            let members = ["IndexName", "KeySchema", "Projection"];
            let list: Vec<_> = list.iter().map(|index| pick(index, &members)).collect();
            create.insert(indexes.to_owned(), json!(list));
        }
        self.copy.json("CreateTable", &create.into()).await.ok()?;
        let attributes = table["KeySchema"].as_array()?.iter();
        let keys = attributes.filter_map(|part| Some(part["AttributeName"].as_str()?.to_owned()));
        self.keys.insert(name.to_owned(), keys.collect());
        let mut scan = json!({"TableName": name, "ConsistentRead": true});
        loop {
            let page = origin.json("Scan", &scan).await.ok()?;
            for item in page["Items"].as_array()? {
                let put = json!({"TableName": name, "Item": item});
                self.copy.json("PutItem", &put).await.ok()?;
            }
            match &page["LastEvaluatedKey"] {
                Value::Null => return Some(()),
                last => scan["ExclusiveStartKey"] = last.clone(),
            }
        }
    }

    pub(super) async fn read(
        &mut self,
        origin: &DynamoDb,
        operation: &str,
        body: Bytes,
    ) -> (StatusCode, Bytes) {
        self.settle(origin).await;
        self.copy.call(operation, body).await
    }

    /// Copies the items that a call is about to replace. Returns false if they are unknown, which makes the snapshot
    /// useless.
    pub(super) async fn replace(
        &mut self,
        origin: &DynamoDb,
        operation: &str,
        body: &[u8],
    ) -> bool {
        let request = serde_json::from_slice(body).unwrap_or(Value::Null);
        let Some(items) = self.written(operation, &request) else {
            return false;
        };
        self.settle(origin).await;
        let when = Instant::now();
        for item in items {
            self.copy(origin, &item).await;
            self.number += 1;
            self.last.insert(item.name(), self.number);
            self.recent.push_back(Recent {
                when,
                number: self.number,
                item,
            });
        }
        true
    }

    /// Applies the writes that are older than [`LAG`].
    async fn settle(&mut self, origin: &DynamoDb) {
        while self
            .recent
            .front()
            .is_some_and(|recent| recent.when.elapsed() >= LAG)
        {
            let Some(Recent { number, item, .. }) = self.recent.pop_front() else {
                return;
            };
            let name = item.name();
            // A later write of the item restarts its lag.
            if self.last.get(&name) == Some(&number) {
                self.last.remove(&name);
                self.copy(origin, &item).await;
            }
        }
    }

    /// Copies the current state of an item.
    async fn copy(&self, origin: &DynamoDb, Item { table, key }: &Item) {
        let get = json!({"TableName": table, "Key": key, "ConsistentRead": true});
        let (operation, request) = match origin.json("GetItem", &get).await {
            Ok(answer) if answer["Item"].is_object() => (
                "PutItem",
                json!({"TableName": table, "Item": answer["Item"]}),
            ),
            // Without an item or a valid key, the write itself will fail.
            _ => ("DeleteItem", json!({"TableName": table, "Key": key})),
        };
        let _ = self.copy.json(operation, &request).await;
    }

    /// Returns the items that a call writes, or `None` if its body does not name them.
    fn written(&self, operation: &str, request: &Value) -> Option<Vec<Item>> {
        let table = |name: &Value| {
            // A name, or an ARN that ends with the name.
            let name = name.as_str()?.rsplit('/').next()?;
            Some(name.to_owned())
        };
        let of_key = |name: &Value, key: &Value| {
            let key = key.clone();
            Some(Item {
                table: table(name)?,
                key,
            })
        };
        let of_item = |name: &Value, item: &Value| {
            let table = table(name)?;
            let key = self.key(&table, item)?;
            Some(Item { table, key })
        };
        let items = match operation {
            "PutItem" => of_item(&request["TableName"], &request["Item"])
                .into_iter()
                .collect(),
            "UpdateItem" | "DeleteItem" => of_key(&request["TableName"], &request["Key"])
                .into_iter()
                .collect(),
            "TransactWriteItems" => {
                let all = request["TransactItems"].as_array()?.iter();
                let written = all.filter_map(|action| {
                    let keyed = action.get("Update").or_else(|| action.get("Delete"));
                    match (action.get("Put"), keyed) {
                        (Some(put), _) => of_item(&put["TableName"], &put["Item"]),
                        (None, Some(keyed)) => of_key(&keyed["TableName"], &keyed["Key"]),
                        (None, None) => None,
                    }
                });
                written.collect()
            }
            "BatchWriteItem" => {
                let mut items = Vec::new();
                for (name, requests) in request["RequestItems"].as_object()? {
                    let name = Value::from(name.as_str());
                    for request in requests.as_array()? {
                        let put = &request["PutRequest"]["Item"];
                        items.extend(match put.is_object() {
                            true => of_item(&name, put),
                            false => of_key(&name, &request["DeleteRequest"]["Key"]),
                        });
                    }
                }
                items
            }
            _ => return None,
        };
        Some(items)
    }

    fn key(&self, table: &str, item: &Value) -> Option<Value> {
        let names = self.keys.get(table)?;
        let members = names.iter().map(String::as_str).collect::<Vec<_>>();
        Some(pick(item, &members).into())
    }
}

impl Item {
    fn name(&self) -> String {
        // The caller chooses the order of a key's attributes.
        let mut parts: Vec<_> = self.key.as_object().into_iter().flatten().collect();
        parts.sort_by_key(|(name, _)| name.as_str());
        format!("{}/{}", self.table, json!(parts))
    }
}

/// Returns some members of an object, if present.
fn pick(object: &Value, names: &[&str]) -> Map<String, Value> {
    let members = names.iter().filter_map(|name| {
        let value = object.get(name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    members.collect()
}
