//! The table's items.

use crate::store::{Record, Scope, Value};
use crate::{ConnectionId, Timestamp};
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_ws_protocol::table_layout;
use std::collections::HashMap;

pub(super) type Attributes = HashMap<String, AttributeValue>;

/// The attribute of a connection with the time of its last mark.
pub(super) const SEEN: &str = "seen";

pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn millis(time: Timestamp) -> AttributeValue {
    AttributeValue::N(time.millis().to_string())
}

pub(super) fn secs(time: Timestamp) -> AttributeValue {
    AttributeValue::N(time.secs().to_string())
}

/// Returns the partition of the members of a room or a user.
pub(super) fn members(scope: &Scope) -> String {
    match scope {
        Scope::Room(room) => table_layout::room(room),
        Scope::User(user) => table_layout::user(user),
        Scope::Everyone => unreachable!("`Everyone` uses the partitions of the connections"),
    }
}

pub(super) fn connection_key(id: &ConnectionId) -> Attributes {
    let partition = table_layout::connections(table_layout::hash(id));
    key(partition, id.as_str().to_owned())
}

pub(super) fn member_key(scope: &Scope, id: &ConnectionId) -> Attributes {
    key(members(scope), table_layout::member(id))
}

pub(super) fn member_item(scope: &Scope, id: &ConnectionId, expires: Timestamp) -> Attributes {
    let mut item = member_key(scope, id);
    item.insert("exp".to_owned(), secs(expires));
    item
}

pub(super) fn key(pk: String, sk: String) -> Attributes {
    let [partition_key, sort_key] = table_layout::KEYS.map(str::to_owned);
    HashMap::from([(partition_key, s(pk)), (sort_key, s(sk))])
}

pub(super) fn from_record(record: &Record) -> Attributes {
    let mut item = connection_key(&record.id);
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set("at", millis(record.at));
    set("exp", secs(record.expires));
    set("api", s(&record.api));
    set("v", AttributeValue::N(record.version.to_string()));
    if let Some(user) = &record.user {
        set("user", s(user));
    }
    if let Some(session) = &record.session {
        set("session", s(session));
    }
    if !record.rooms.is_empty() {
        set(
            "rooms",
            AttributeValue::Ss(record.rooms.iter().cloned().collect()),
        );
    }
    if record.gone {
        set("gone", AttributeValue::Bool(true));
    }
    if let Some(seen) = record.seen {
        item.insert(SEEN.to_owned(), millis(seen));
    }
    item
}

#[derive(Clone, Copy)]
pub(super) struct Item<'a>(pub(super) &'a Attributes);

impl Item<'_> {
    pub(super) fn id(self) -> Option<ConnectionId> {
        let id = table_layout::connection_id(self.text("pk"), self.text("sk")?);
        Some(id.into())
    }

    pub(super) fn record(self) -> Option<Record> {
        let at = Timestamp::from_millis(self.number("at")?);
        let mut record = Record::new(self.id()?, at, self.text("api").unwrap_or_default(), at);
        record.expires = Timestamp::from_secs(self.number("exp")?);
        record.user = self.text("user").map(str::to_owned);
        record.session = self.text("session").map(str::to_owned);
        record.version = self.number("v").unwrap_or_default();
        record.gone = self.0.contains_key("gone");
        record.seen = self.number(SEEN).map(Timestamp::from_millis);
        let rooms = self.0.get("rooms").and_then(|rooms| rooms.as_ss().ok());
        record.rooms = rooms.into_iter().flatten().cloned().collect();
        Some(record)
    }

    pub(super) fn value(self) -> Option<Value> {
        Some(Value {
            value: self.text("value")?.to_owned(),
            version: self.number("v")?,
            expires: self.number("exp").map(Timestamp::from_secs),
        })
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }
}
