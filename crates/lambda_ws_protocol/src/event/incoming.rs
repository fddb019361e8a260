//! The events that a function reads. They contain only the members that `lambda_ws` uses.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::fmt;

/// An event of any source, with the members that identify it and that `lambda_ws` uses.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncomingEvent<'a> {
    /// Present in events of WebSocket APIs and of their authorizers.
    #[serde(borrow)]
    pub request_context: Option<IncomingContext<'a>>,
    /// `REQUEST` in an authorizer's event. Its other members are those of a CONNECT event.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The ARN of the method. Present only in an authorizer's event (conformance C4).
    pub method_arn: Option<String>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    multi_value_headers: Option<&'a RawValue>,
    #[serde(borrow)]
    query_string_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    multi_value_query_string_parameters: Option<&'a RawValue>,
    /// The message, in a MESSAGE event.
    pub body: Option<String>,
}

/// The `requestContext` of an event of a WebSocket API (conformance C1 to C3). Absent strings are empty.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct IncomingContext<'a> {
    /// Absent in authorizer events of 2019.
    pub event_type: Option<EventType>,
    /// The id of the connection.
    pub connection_id: Option<String>,
    /// The route that API Gateway selected.
    #[serde(default)]
    pub route_key: String,
    /// The id of the event.
    #[serde(default)]
    pub request_id: String,
    /// The name of the stage.
    #[serde(default)]
    pub stage: String,
    /// The id of the API.
    #[serde(default)]
    pub api_id: String,
    /// The host that the client connected to.
    #[serde(default)]
    pub domain_name: String,
    /// The time of the handshake, in ms since 1970.
    #[serde(default)]
    pub connected_at: u64,
    /// The time of the event, in ms since 1970.
    #[serde(default)]
    pub request_time_epoch: u64,
    /// The client's address and user agent.
    pub identity: Option<IncomingIdentity>,
    /// The principal and the context that the authorizer returned.
    #[serde(borrow)]
    pub authorizer: Option<&'a RawValue>,
    /// The close code, in a DISCONNECT event.
    pub disconnect_status_code: Option<i64>,
    /// The close reason, in a DISCONNECT event.
    pub disconnect_reason: Option<String>,
}

/// The kind of an event of a WebSocket API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum EventType {
    /// A handshake.
    Connect,
    /// A message.
    Message,
    /// The end of a connection.
    Disconnect,
    /// Any other text.
    #[serde(other)]
    Other,
}

/// The client's address and user agent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct IncomingIdentity {
    /// The address, IPv4 or IPv6.
    pub source_ip: Option<String>,
    /// The `User-Agent` header of the handshake.
    pub user_agent: Option<String>,
}

impl IncomingEvent<'_> {
    /// Returns the headers of the handshake, without invalid ones.
    ///
    /// # Errors
    ///
    /// Returns an error if the headers are not an object of strings or of lists of strings.
    pub fn headers(&self) -> Result<HeaderMap, serde_json::Error> {
        let pairs = Many::read(self.multi_value_headers, self.headers)?;
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

    /// Returns the query string of the handshake, encoded again.
    ///
    /// # Errors
    ///
    /// Returns an error if the parameters are not an object of strings or of lists of strings.
    pub fn query(&self) -> Result<String, serde_json::Error> {
        let pairs = Many::read(
            self.multi_value_query_string_parameters,
            self.query_string_parameters,
        )?;
        Ok(serde_urlencoded::to_string(pairs.0).unwrap_or_default())
    }
}

/// Names and values, from an object of strings or of lists of strings.
#[derive(Default)]
struct Many(Vec<(String, String)>);

impl Many {
    /// Reads all values if the event contains lists of them, or else the single values.
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

/// A string or a list of strings.
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
