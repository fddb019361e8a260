//! The event a gateway sent, as a function reads it: only what this library uses, read once.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::fmt;

/// An event of any source, as far as it must be read to tell what it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Incoming<'a> {
    #[serde(borrow)]
    pub(crate) request_context: Option<IncomingContext<'a>>,
    /// `REQUEST` in an authorizer's event, which looks like a CONNECT otherwise.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// Only in an authorizer's event (conformance C4).
    pub(crate) method_arn: Option<String>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    multi_value_headers: Option<&'a RawValue>,
    #[serde(borrow)]
    query_string_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    multi_value_query_string_parameters: Option<&'a RawValue>,
    pub(crate) body: Option<String>,
}

/// The `requestContext` of an event of a WebSocket API (conformance C1 to C3).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IncomingContext<'a> {
    pub(crate) event_type: Option<EventType>,
    pub(crate) connection_id: Option<String>,
    #[serde(default)]
    pub(crate) route_key: String,
    #[serde(default)]
    pub(crate) request_id: String,
    #[serde(default)]
    pub(crate) stage: String,
    #[serde(default)]
    pub(crate) api_id: String,
    #[serde(default)]
    pub(crate) domain_name: String,
    #[serde(default)]
    pub(crate) connected_at: u64,
    #[serde(default)]
    pub(crate) request_time_epoch: u64,
    pub(crate) identity: Option<IncomingIdentity>,
    #[serde(borrow)]
    pub(crate) authorizer: Option<&'a RawValue>,
    pub(crate) disconnect_status_code: Option<i64>,
    pub(crate) disconnect_reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum EventType {
    Connect,
    Message,
    Disconnect,
    #[serde(other)]
    Other,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IncomingIdentity {
    pub(crate) source_ip: Option<String>,
    pub(crate) user_agent: Option<String>,
}

/// The handshake's headers. What is no valid header is left out.
pub(crate) fn headers(event: &Incoming<'_>) -> Result<HeaderMap, serde_json::Error> {
    let pairs = Many::read(event.multi_value_headers, event.headers)?;
    let mut headers = HeaderMap::with_capacity(pairs.0.len());
    for (name, value) in pairs.0 {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(&value);
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    Ok(headers)
}

/// The handshake's query string, encoded again.
pub(crate) fn query(event: &Incoming<'_>) -> Result<String, serde_json::Error> {
    let pairs = Many::read(
        event.multi_value_query_string_parameters,
        event.query_string_parameters,
    )?;
    Ok(serde_urlencoded::to_string(pairs.0).unwrap_or_default())
}

/// Names and values, from an object of strings or of lists of strings.
#[derive(Default)]
struct Many(Vec<(String, String)>);

impl Many {
    /// All values, if the event lists them, else the single ones.
    fn read(all: Option<&RawValue>, single: Option<&RawValue>) -> Result<Self, serde_json::Error> {
        match all.filter(|raw| raw.get() != "null").or(single) {
            Some(raw) => serde_json::from_str(raw.get()),
            None => Ok(Self::default()),
        }
    }
}

impl<'de> Deserialize<'de> for Many {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ManyVisitor)
    }
}

struct ManyVisitor;

impl<'de> Visitor<'de> for ManyVisitor {
    type Value = Many;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_unit<E>(self) -> Result<Many, E> {
        Ok(Many::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Many, A::Error> {
        let mut pairs = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let values = map.next_value::<Values>()?;
            pairs.extend(values.0.into_iter().map(|value| (name.clone(), value)));
        }
        Ok(Many(pairs))
    }
}

/// A string, or a list of them.
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E>(self, value: &str) -> Result<Values, E> {
        Ok(Values(vec![value.to_owned()]))
    }

    fn visit_unit<E>(self) -> Result<Values, E> {
        Ok(Values(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Values(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Values(Vec::new()))
    }
}
