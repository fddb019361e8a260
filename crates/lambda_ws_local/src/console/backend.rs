//! The console's actions in place of the backend.

use super::reply::ConsoleError;
use crate::activity::{ActivityLog, Call, millis};
use crate::dynamodb::DynamoDb;
use crate::gateway::Gateway;
use bytes::Bytes;
use http::StatusCode;
use lambda_ws_protocol::table_layout::{self, TableAttributes};
use lambda_ws_protocol::{ConnectionId, Timestamp};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

const READING: [&str; 7] = [
    "BatchGetItem",
    "DescribeTable",
    "DescribeTimeToLive",
    "GetItem",
    "ListTables",
    "Query",
    "Scan",
];

/// The number of connections per lookup.
const LOOKED_UP: usize = 100;

/// The maximum number of items to search for a connection.
const LOOKED_THROUGH: usize = 20_000;

/// The maximum number of recipients in a room.
const MEMBERS: usize = 100_000;

/// The number of posts before other tasks may run.
const POSTS: usize = 100;

#[derive(Clone)]
pub(super) struct Backend {
    dynamodb: DynamoDb,
    activity: ActivityLog,
}

impl Backend {
    pub(super) fn new(dynamodb: DynamoDb, activity: ActivityLog) -> Backend {
        Backend { dynamodb, activity }
    }

    pub(super) async fn read(&self, operation: &str, body: Bytes) -> Result<Value, ConsoleError> {
        if !READING.contains(&operation) {
            return Err(ConsoleError::bad(format!(
                "the console supports only these operations: {}",
                READING.join(", ")
            )));
        }
        let (status, answer) = self.dynamodb.call(operation, body).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        match status {
            StatusCode::OK => Ok(answer),
            status => {
                let message = answer["message"].as_str().or(answer["Message"].as_str());
                let message = message
                    .unwrap_or("DynamoDB rejected the request")
                    .to_owned();
                Err(ConsoleError(status, message))
            }
        }
    }

    pub(super) async fn query(
        &self,
        operation: &str,
        request: &Value,
    ) -> Result<Value, ConsoleError> {
        self.read(operation, request.to_string().into()).await
    }

    /// Returns the tables with two string keys, which may be the library's, and the names of their attributes.
    pub(super) async fn tables(&self) -> Result<Vec<(String, TableAttributes)>, ConsoleError> {
        let mut found = Vec::new();
        for name in self.names().await? {
            let request = json!({ "TableName": name });
            let described = self.query("DescribeTable", &request).await?;
            let keys = described["Table"]["KeySchema"].as_array();
            let keys = keys.into_iter().flatten();
            let keys: Vec<_> = keys
                .filter_map(|part| part["AttributeName"].as_str().map(str::to_owned))
                .collect();
            let Ok([pk, sk]) = <[String; 2]>::try_from(keys) else {
                continue;
            };
            let described = self.query("DescribeTimeToLive", &request).await?;
            let ttl = described["TimeToLiveDescription"]["AttributeName"].as_str();
            let ttl = ttl.unwrap_or(table_layout::TTL).to_owned();
            if let Ok(attributes) = TableAttributes::new(pk, sk, ttl) {
                found.push((name, attributes));
            }
        }
        Ok(found)
    }

    async fn names(&self) -> Result<Vec<String>, ConsoleError> {
        let listed = self.query("ListTables", &json!({})).await?;
        let names = listed["TableNames"].as_array().into_iter().flatten();
        Ok(names
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect())
    }

    /// Returns when these connections were last active, and their user and rooms from the library's table.
    pub(super) async fn details(
        &self,
        gateway: &Gateway,
        ids: &[String],
    ) -> Result<Value, ConsoleError> {
        let mut details = Map::new();
        let ids = &ids[..ids.len().min(LOOKED_UP)];
        for id in ids {
            if let Some(snapshot) = gateway.find(id) {
                let known = json!({ "lastActiveAt": snapshot.last_active_at.millis() });
                details.insert(id.clone(), known);
            }
        }
        if details.is_empty() {
            return Ok(Value::Object(details));
        }
        for (table, attributes) in self.tables().await? {
            let [partition_key, sort_key, _] = attributes.names();
            let keys: Vec<_> = details
                .keys()
                .map(|id| {
                    let hash = table_layout::hash(&ConnectionId::from(id.as_str()));
                    let pk = table_layout::connections(hash);
                    json!({ partition_key: { "S": pk }, sort_key: { "S": id } })
                })
                .collect();
            let request = json!({ "RequestItems": { &table: { "Keys": keys } } });
            // Another application's table may have keys of another type.
            let Ok(answer) = self.query("BatchGetItem", &request).await else {
                continue;
            };
            let items = answer["Responses"][&table].as_array();
            for item in items.into_iter().flatten() {
                let id = item[sort_key]["S"].as_str().unwrap_or_default();
                if let Some(known) = details.get_mut(id) {
                    known["user"] = item["user"]["S"].clone();
                    known["rooms"] = item["rooms"]["SS"].clone();
                    known["session"] = item["session"]["S"].clone();
                }
            }
        }
        Ok(Value::Object(details))
    }

    /// Returns the items of all tables that contain a connection's id.
    pub(super) async fn items(&self, id: &str) -> Result<Value, ConsoleError> {
        let (mut found, mut looked, mut whole) = (Vec::new(), 0, true);
        for table in self.names().await? {
            let mut start = Value::Null;
            loop {
                let mut request = json!({ "TableName": table, "Limit": 1000 });
                if !start.is_null() {
                    request["ExclusiveStartKey"] = start;
                }
                let page = self.query("Scan", &request).await?;
                let items = page["Items"].as_array().into_iter().flatten();
                for item in items {
                    looked += 1;
                    if item.to_string().contains(id) {
                        found.push(json!({ "table": table, "item": item }));
                    }
                }
                start = page["LastEvaluatedKey"].clone();
                if start.is_null() || looked >= LOOKED_THROUGH {
                    whole &= start.is_null();
                    break;
                }
            }
        }
        Ok(json!({ "items": found, "looked": looked, "whole": whole }))
    }

    /// Posts to one connection, a room or all connections.
    pub(super) async fn post(
        &self,
        gateway: &Gateway,
        call: &Value,
    ) -> Result<Value, ConsoleError> {
        let data = call["data"].as_str();
        let data =
            data.ok_or_else(|| ConsoleError::bad("`data` is missing: expected the text to post"))?;
        let data = Bytes::copy_from_slice(data.as_bytes());
        let to = &call["to"];
        let ids = match (to["connection"].as_str(), to["room"].as_str()) {
            (Some(id), _) => vec![id.to_owned()],
            (None, Some(room)) => self.members(room).await?,
            (None, None) if to["everyone"] == true => {
                let all = gateway.snapshots(None, usize::MAX);
                all.iter().map(|one| one.id.to_string()).collect()
            }
            _ => {
                return Err(ConsoleError::bad(
                    "`to` is not valid: expected {\"connection\": id}, {\"room\": name} or {\"everyone\": true}",
                ));
            }
        };
        let started = Instant::now();
        let (mut sent, mut failed) = (0, Map::new());
        for (number, id) in ids.iter().enumerate() {
            let begun = Instant::now();
            let status = gateway.post(id, data.clone());
            match status {
                200 => sent += 1,
                _ => {
                    let count = failed.entry(status.to_string()).or_insert(json!(0));
                    *count = (count.as_u64().unwrap_or_default() + 1).into();
                }
            }
            if ids.len() <= POSTS {
                self.tell("POST", id, status, begun.elapsed(), &data);
            }
            if number % POSTS == POSTS - 1 {
                tokio::task::yield_now().await;
            }
        }
        if ids.len() > POSTS {
            let target = format!("{} connections", ids.len());
            self.tell("POST", &target, 200, started.elapsed(), &data);
        }
        Ok(json!({
            "asked": ids.len(), "sent": sent, "failed": failed, "ms": millis(started.elapsed()),
        }))
    }

    pub(super) fn close(&self, gateway: &Gateway, id: &str) -> Value {
        let begun = Instant::now();
        let status = gateway.close(id);
        self.tell("DELETE", id, status, begun.elapsed(), &Bytes::new());
        json!({ "status": status })
    }

    fn tell(&self, action: &str, target: &str, status: u16, duration: Duration, data: &Bytes) {
        self.activity.console_called(&Call {
            service: "management",
            action,
            target,
            status,
            duration,
            request: data.clone(),
            response: Bytes::new(),
            detail: None,
        });
    }

    /// Returns the connections in a room, from the library's tables.
    async fn members(&self, room: &str) -> Result<Vec<String>, ConsoleError> {
        let now = Timestamp::now().secs();
        let mut members = Vec::new();
        for (table, attributes) in self.tables().await? {
            let [partition_key, sort_key, ttl] = attributes.names();
            let mut start = Value::Null;
            loop {
                let mut request = json!({
                    "TableName": table, "KeyConditionExpression": "#pk = :room",
                    "ExpressionAttributeNames": { "#pk": partition_key },
                    "ExpressionAttributeValues": { ":room": { "S": table_layout::room(room) } },
                });
                if !start.is_null() {
                    request["ExclusiveStartKey"] = start;
                }
                let Ok(page) = self.query("Query", &request).await else {
                    break;
                };
                for item in page["Items"].as_array().into_iter().flatten() {
                    let expires = item[ttl]["N"].as_str().and_then(|n| n.parse().ok());
                    if let Some(sk) = item[sort_key]["S"].as_str()
                        && expires.is_none_or(|expires: u64| expires > now)
                    {
                        members.push(table_layout::connection_id(None, sk).to_owned());
                    }
                }
                start = page["LastEvaluatedKey"].clone();
                if start.is_null() || members.len() >= MEMBERS {
                    break;
                }
            }
        }
        Ok(members)
    }
}
