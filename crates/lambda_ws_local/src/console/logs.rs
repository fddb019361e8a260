//! The logs of rooms, as the page shows them. They are read from the library's table.

use super::backend::Backend;
use super::reply::ConsoleError;
use lambda_ws_protocol::table_layout;
use serde::Deserialize;
use serde_json::{Value, json};

/// The number of messages of one page. A page of DynamoDB has at most 1 MB, so it may contain fewer.
const PAGE: usize = 100;

/// The maximum number of items to search for rooms.
const LOOKED_THROUGH: usize = 20_000;

/// The maximum number of rooms in a list.
const ROOMS: usize = 500;

/// A page of a log: the newest messages, or those before a position.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogPage {
    table: String,
    room: String,
    before: Option<(String, u64)>,
}

impl Backend {
    /// Returns the rooms that have a log, in the order of their names, and whether these are all.
    pub(super) async fn rooms(&self) -> Result<Value, ConsoleError> {
        let prefix = table_layout::log("");
        let (mut rooms, mut looked, mut whole) = (Vec::new(), 0, true);
        for (table, attributes) in self.tables().await? {
            let [pk, sk, _] = attributes.names();
            let mut start = Value::Null;
            loop {
                let mut request = json!({
                    "TableName": table, "Limit": 1000, "ProjectionExpression": "#pk, #sk",
                    "ExpressionAttributeNames": { "#pk": pk, "#sk": sk },
                });
                if !start.is_null() {
                    request["ExclusiveStartKey"] = start;
                }
                // Another application's table may have keys of another type.
                let Ok(page) = self.query("Scan", &request).await else {
                    break;
                };
                for item in page["Items"].as_array().into_iter().flatten() {
                    looked += 1;
                    let room = item[pk]["S"].as_str();
                    let room = room.and_then(|pk| pk.strip_prefix(&prefix));
                    // Each log has one head.
                    if let Some(room) = room
                        && item[sk]["S"] == table_layout::LOG_HEAD
                    {
                        rooms.push((room.to_owned(), table.clone()));
                    }
                }
                start = page["LastEvaluatedKey"].clone();
                if start.is_null() || looked >= LOOKED_THROUGH || rooms.len() >= ROOMS {
                    whole &= start.is_null();
                    break;
                }
            }
        }
        rooms.sort();
        let rooms = rooms.iter();
        let rooms: Vec<_> = rooms
            .map(|(room, table)| json!({ "room": room, "table": table }))
            .collect();
        Ok(json!({ "rooms": rooms, "whole": whole }))
    }

    /// Returns a page of a log, from the newest message to the oldest, and the position at which the next page begins.
    pub(super) async fn log(&self, page: LogPage) -> Result<Value, ConsoleError> {
        let tables = self.tables().await?;
        let attributes = tables.into_iter().find(|(table, _)| *table == page.table);
        let attributes = attributes.map_or_else(Default::default, |(_, attributes)| attributes);
        let [pk, sk, ttl] = attributes.names();
        let log = table_layout::log(&page.room);
        let mut request = json!({
            "TableName": page.table, "ScanIndexForward": false, "Limit": PAGE,
            // The head is before all messages.
            "KeyConditionExpression": "#pk = :log AND #sk > :head",
            "ExpressionAttributeNames": { "#pk": pk, "#sk": sk },
            "ExpressionAttributeValues": { ":log": { "S": log }, ":head": { "S": table_layout::LOG_HEAD } },
        });
        if let Some((epoch, seq)) = &page.before {
            let before = table_layout::log_message(epoch, *seq);
            request["ExclusiveStartKey"] = json!({ pk: { "S": log }, sk: { "S": before } });
        }
        let answer = self.query("Query", &request).await?;
        let items = answer["Items"].as_array().map_or(&[][..], Vec::as_slice);
        let mut messages = Vec::new();
        let mut newest = Value::Null;
        let mut last = Value::Null;
        for item in items {
            let position = item[sk]["S"].as_str().unwrap_or_default();
            let Some((epoch, seq)) = table_layout::log_position(position) else {
                continue;
            };
            let data = item["data"]["S"].as_str();
            // Number 0 marks the start of an epoch. Another item without data marks the end of one.
            let is_end = data.is_none() && seq > 0;
            if newest.is_null() && page.before.is_none() {
                newest = json!({
                    "epoch": epoch, "seq": seq - u64::from(is_end), "ended": is_end,
                    "began": table_layout::epoch_millis(epoch),
                });
            }
            last = json!([epoch, seq]);
            if let Some(data) = data {
                messages.push(json!({
                    "epoch": epoch, "seq": seq, "at": number(item, "at"), "expires": number(item, ttl),
                    "bytes": data.len(), "data": data,
                }));
            }
        }
        let next = match answer["LastEvaluatedKey"].is_null() {
            true => Value::Null,
            false => last,
        };
        Ok(json!({ "newest": newest, "messages": messages, "next": next }))
    }
}

fn number(item: &Value, name: &str) -> Option<u64> {
    item[name]["N"].as_str()?.parse().ok()
}
