//! The JSON responses of a function, and the error frames that clients get.

mod error_frame;

pub use error_frame::{ErrorFrame, error_frame};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The response of a proxy integration, validated as strictly as API Gateway validates it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyResponse {
    /// The HTTP status. On `$connect`, every status except 2xx rejects the client (conformance B4).
    pub status: u16,
    /// The sub-protocol for the handshake. API Gateway ignores all other headers (conformance B6).
    pub protocol: Option<String>,
    /// The message that a two-way route sends to the client (conformance E2).
    pub body: Option<String>,
}

/// The error of a response that is not a valid proxy response. API Gateway answers with an internal server error
/// (conformance B4, E4).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedResponse {
    /// The response is not a JSON object, for example `null`, a string or text that is not JSON.
    #[error("the function's response is not a JSON object: return {{\"statusCode\": 200}}")]
    NotAnObject,
    /// The response has an unknown member.
    #[error(
        "the function's response has an unknown member `{0}`: expected only statusCode, headers, multiValueHeaders, body and isBase64Encoded"
    )]
    UnknownMember(String),
    /// A member is missing or has the wrong type.
    #[error("the function's response does not have a valid `{member}`: expected {expected}")]
    BadMember {
        /// The name of the member.
        member: &'static str,
        /// The expected form of the member.
        expected: &'static str,
    },
}

impl ProxyResponse {
    /// Returns whether the response to `$connect` accepts the client. Every status except 2xx rejects the client with
    /// the same status (conformance B4).
    pub fn accepts(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Reads the JSON response of a function.
    ///
    /// # Errors
    ///
    /// Returns [`MalformedResponse`] if API Gateway rejects the response.
    pub fn read(json: &[u8]) -> Result<Self, MalformedResponse> {
        let Members(members) =
            serde_json::from_slice(json).map_err(|_| MalformedResponse::NotAnObject)?;
        let mut response = Self::default();
        let mut multi = None;
        for (name, value) in members {
            match name.as_ref() {
                "statusCode" => response.status = status(value)?,
                "body" => response.body = read("body", "a string", value)?,
                "headers" => {
                    let headers: Option<BTreeMap<String, Value>> =
                        read("headers", "an object of strings", value)?;
                    response.protocol = protocol(headers.unwrap_or_default())?;
                }
                "multiValueHeaders" => {
                    let headers: Option<BTreeMap<String, Vec<Value>>> =
                        read("multiValueHeaders", "an object of lists", value)?;
                    let last = headers.into_iter().flatten();
                    let last = last.filter_map(|(n, mut v)| Some((n, v.pop()?)));
                    multi = protocol(last.collect())?;
                }
                "isBase64Encoded" => {
                    let _: Option<bool> = read("isBase64Encoded", "true or false", value)?;
                }
                _ => return Err(MalformedResponse::UnknownMember(name.into_owned())),
            }
        }
        if response.status == 0 {
            return Err(BAD_STATUS);
        }
        response.protocol = multi.or(response.protocol);
        Ok(response)
    }
}

/// The members of an object, with the last value of each name. They are borrowed, because every response is read
/// this way.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// The name of a member. It is borrowed if it contains no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadMembers)
    }
}

struct ReadMembers;

impl<'de> Visitor<'de> for ReadMembers {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // A valid response has at most five members. A sixth one is enough to reject the response.
        let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::with_capacity(5);
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            if let Some((_, before)) = members.iter_mut().find(|(other, _)| *other == name) {
                *before = value;
            } else if members.len() <= 5 {
                members.push((name, value));
            }
        }
        Ok(Members(members))
    }
}

const BAD_STATUS: MalformedResponse = MalformedResponse::BadMember {
    member: "statusCode",
    expected: "a number from 100 to 599",
};

fn read<'a, T: Deserialize<'a>>(
    member: &'static str,
    expected: &'static str,
    value: &'a RawValue,
) -> Result<T, MalformedResponse> {
    serde_json::from_str(value.get()).map_err(|_| MalformedResponse::BadMember { member, expected })
}

fn status(value: &RawValue) -> Result<u16, MalformedResponse> {
    let text = value.get().trim_matches('"');
    // `parse` alone would accept a sign.
    let digits = Some(text).filter(|text| text.bytes().all(|digit| digit.is_ascii_digit()));
    let status = digits
        .and_then(|text| text.parse().ok())
        .filter(|s| (100..600).contains(s));
    status.ok_or(BAD_STATUS)
}

fn protocol(headers: BTreeMap<String, Value>) -> Result<Option<String>, MalformedResponse> {
    let mut found = None;
    for (name, value) in headers {
        let value = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => {
                return Err(MalformedResponse::BadMember {
                    member: "headers",
                    expected: "an object of strings",
                });
            }
        };
        if name.eq_ignore_ascii_case("sec-websocket-protocol") {
            found = Some(value);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(json: &str) -> String {
        ProxyResponse::read(json.as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn e4_the_allowed_members_are_read() {
        let json = br#"{"statusCode":200,"headers":{"sec-websocket-protocol":"chat.v1","x":1},"body":"hi","isBase64Encoded":false}"#;
        let response = ProxyResponse::read(json).unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.protocol.as_deref(), Some("chat.v1"));
        assert_eq!(response.body.as_deref(), Some("hi"));
    }

    #[test]
    fn the_last_of_two_members_is_used_and_names_can_be_escaped() {
        let json = br#"{"statusCode":"no","bod\u0079":"a","statusCode":201,"body":"b"}"#;
        let response = ProxyResponse::read(json).unwrap();
        assert_eq!(response.status, 201);
        assert_eq!(response.body.as_deref(), Some("b"));
        assert!(rejected(r#"{"statusCode":200,"b\u006fdi":1}"#).contains("`bodi`"));
        let many: Vec<_> = (0..1000).map(|n| format!("\"m{n}\":1")).collect();
        assert!(rejected(&format!("{{{}}}", many.join(","))).contains("`m0`"));
    }

    #[test]
    fn b8_a_multi_value_header_can_select_the_protocol() {
        let json = br#"{"statusCode":"200","multiValueHeaders":{"Sec-WebSocket-Protocol":["b"]}}"#;
        let response = ProxyResponse::read(json).unwrap();
        assert_eq!(response.protocol.as_deref(), Some("b"));
    }

    #[test]
    fn e4_the_error_of_a_malformed_response_states_the_reason() {
        assert!(rejected("null").contains("not a JSON object"));
        assert!(rejected("\"ok\"").contains("not a JSON object"));
        assert!(rejected("garbage").contains("not a JSON object"));
        assert!(
            rejected(r#"{"ConnectionId":"x","Data":"y","statusCode":200}"#)
                .contains("`ConnectionId`")
        );
        assert!(rejected(r#"{"statusCode":200,"body":{"a":1}}"#).contains("`body`"));
        assert!(rejected(r#"{"statusCode":200,"headers":{"a":[]}}"#).contains("`headers`"));
        assert!(rejected(r#"{"statusCode":9999}"#).contains("`statusCode`"));
        assert!(rejected(r#"{"statusCode":"+200"}"#).contains("`statusCode`"));
        assert!(rejected(r#"{"statusCode":"2e2"}"#).contains("`statusCode`"));
        assert!(rejected("{}").contains("`statusCode`"));
    }
}
