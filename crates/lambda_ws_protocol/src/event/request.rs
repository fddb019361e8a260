//! The events that a gateway writes.

use super::identity::Identity;
use crate::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;

/// An event of the `AWS_PROXY` integration, as a gateway writes it (conformance C1 to C3).
///
/// A member that is `None` is absent in the JSON, never `null`.
/// [`ConnectionDetails::event`](super::ConnectionDetails::event) creates an event with the members of every kind.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProxyRequest<'a> {
    /// The headers of the handshake, with the last value of each. Present only in CONNECT and DISCONNECT events.
    #[serde(serialize_with = "last", skip_serializing_if = "Option::is_none")]
    pub headers: Option<&'a Pairs>,
    /// The headers of the handshake, with all values of each.
    #[serde(serialize_with = "all", skip_serializing_if = "Option::is_none")]
    pub multi_value_headers: Option<&'a Pairs>,
    /// The query string, with the last value of each name. Absent without a query string.
    #[serde(serialize_with = "last", skip_serializing_if = "Option::is_none")]
    pub query_string_parameters: Option<&'a Pairs>,
    /// The query string, with all values of each name.
    #[serde(serialize_with = "all", skip_serializing_if = "Option::is_none")]
    pub multi_value_query_string_parameters: Option<&'a Pairs>,
    /// The variables of the stage. Absent if it has none.
    #[serde(serialize_with = "last", skip_serializing_if = "Option::is_none")]
    pub stage_variables: Option<&'a Pairs>,
    /// The connection, the stage and the time of the event.
    pub request_context: RequestContext<'a>,
    /// The message. Present only in MESSAGE events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<&'a str>,
    /// Always `false`, because API Gateway does not support binary messages (conformance F1).
    pub is_base64_encoded: bool,
}

/// The part of a [`ProxyRequest`] that every kind of event has.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RequestContext<'a> {
    /// The key of the selected route.
    pub route_key: &'a str,
    /// The principal and the context that the authorizer returned. Present in every event of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer: Option<&'a RawValue>,
    /// The close code. Present only in DISCONNECT events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnect_status_code: Option<u16>,
    /// The id of the message. Present only in MESSAGE events. In the shape of 2019 it is `null` in other events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Option<&'a str>>,
    /// `CONNECT`, `MESSAGE` or `DISCONNECT`.
    pub event_type: &'a str,
    /// The same as `request_id`.
    pub extended_request_id: &'a str,
    /// The time of the event as `dd/MMM/yyyy:HH:mm:ss +0000`.
    #[serde(serialize_with = "formatted")]
    pub request_time: Timestamp,
    /// Always `IN`.
    pub message_direction: &'a str,
    /// The close reason. Present only in DISCONNECT events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnect_reason: Option<&'a str>,
    /// The name of the stage.
    pub stage: &'a str,
    /// The time of the handshake, in ms since 1970.
    #[serde(serialize_with = "millis")]
    pub connected_at: Timestamp,
    /// The time of the event, in ms since 1970.
    #[serde(serialize_with = "millis")]
    pub request_time_epoch: Timestamp,
    /// The address and the identity of the client.
    pub identity: Identity<'a>,
    /// The id of the event.
    pub request_id: &'a str,
    /// The host that the client connected to.
    pub domain_name: &'a str,
    /// The id of the connection.
    pub connection_id: &'a str,
    /// The id of the API.
    pub api_id: &'a str,
}

/// Names and values in their order. A name can occur several times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Returns whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the last value of `name`, in any case.
    pub fn value(&self, name: &str) -> Option<&str> {
        let same = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        let last = self.0.iter().rev().find(same);
        last.map(|(_, value)| value.as_str())
    }

    /// Adds a name and its value.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Returns the pairs in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Returns each name once, in the order of the first occurrences.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().enumerate().filter_map(|(i, (name, _))| {
            let first = !self.0[..i].iter().any(|(n, _)| n == name);
            first.then_some(name.as_str())
        })
    }

    fn exact<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        let same = move |(n, _): &&(String, String)| n == name;
        self.0.iter().filter(same).map(|(_, value)| value.as_str())
    }
}

impl FromIterator<(String, String)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

pub(crate) fn last<S: Serializer>(
    pairs: &Option<&Pairs>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let pairs = pairs.unwrap_or(const { &Pairs(Vec::new()) });
    let mut map = serializer.serialize_map(None)?;
    for name in pairs.names() {
        let value = pairs.exact(name).next_back().unwrap_or_default();
        map.serialize_entry(name, value)?;
    }
    map.end()
}

pub(crate) fn all<S: Serializer>(pairs: &Option<&Pairs>, serializer: S) -> Result<S::Ok, S::Error> {
    let pairs = pairs.unwrap_or(const { &Pairs(Vec::new()) });
    let mut map = serializer.serialize_map(None)?;
    for name in pairs.names() {
        map.serialize_entry(name, &pairs.exact(name).collect::<Vec<_>>())?;
    }
    map.end()
}

fn millis<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.millis())
}

fn formatted<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&request_time(*time))
}

/// Returns the four headers of every DISCONNECT event (conformance C3).
pub fn disconnect_headers(host: &str) -> Pairs {
    let headers = [
        ("Host", host),
        ("x-api-key", ""),
        ("X-Forwarded-For", ""),
        ("x-restapi", ""),
    ];
    let owned = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    owned.into_iter().collect()
}

/// Returns a time in the form of `requestTime`: `29/Nov/2023:08:04:01 +0000` (conformance C).
pub fn request_time(time: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "/Jan/", "/Feb/", "/Mar/", "/Apr/", "/May/", "/Jun/", "/Jul/", "/Aug/", "/Sep/", "/Oct/",
        "/Nov/", "/Dec/",
    ];
    let secs = i64::try_from(time.secs()).unwrap_or(i64::MAX);
    // The library does not support years with more than four digits.
    let time =
        time::OffsetDateTime::from_unix_timestamp(secs).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    // Every event contains such a time. A format description is measurably slower than this code.
    let mut text = String::with_capacity(26);
    let mut push = |before: &str, number: u8| {
        text.push_str(before);
        text.push(char::from(b'0' + number / 10 % 10));
        text.push(char::from(b'0' + number % 10));
    };
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    // The year is between 1970 and 9999, so both halves are below 100.
    let halves = [year / 100, year % 100].map(|half| u8::try_from(half).unwrap_or_default());
    push("", day);
    push(MONTHS[usize::from(u8::from(month)) - 1], halves[0]);
    push("", halves[1]);
    push(":", hour);
    push(":", minute);
    push(":", second);
    text.push_str(" +0000");
    text
}

/// Returns a time in the form of the management API: `2020-04-30T20:10:33.236Z` (conformance G5).
pub fn iso8601(time: Timestamp) -> String {
    const FORM: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let nanos = i128::from(time.millis()) * 1_000_000;
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    time.format(FORM).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g5_a_time_is_written_in_iso_8601_with_milliseconds() {
        let time = Timestamp::from_millis(1_588_277_433_036);
        assert_eq!(iso8601(time), "2020-04-30T20:10:33.036Z");
        iso8601(Timestamp::from_millis(u64::MAX));
    }

    #[test]
    fn c_request_time_is_written_in_english_and_utc() {
        let time = Timestamp::from_millis(1_701_245_041_798);
        assert_eq!(request_time(time), "29/Nov/2023:08:04:01 +0000");
        let month = |month: u64| request_time(Timestamp::from_secs(month * 2_635_200));
        assert_eq!(month(0), "01/Jan/1970:00:00:00 +0000");
        assert_eq!(month(1), "31/Jan/1970:12:00:00 +0000");
        assert_eq!(month(12), "02/Jan/1971:00:00:00 +0000");
        let last = request_time(Timestamp::from_secs(253_402_300_799));
        assert_eq!(last, "31/Dec/9999:23:59:59 +0000");
        request_time(Timestamp::from_millis(u64::MAX));
    }

    #[test]
    fn c1_single_values_are_the_last_and_lists_contain_all() {
        let pairs: Pairs = [("a", "1"), ("b", "2"), ("a", "3")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .into_iter()
            .collect();
        let mut json = serde_json::Serializer::new(Vec::new());
        last(&Some(&pairs), &mut json).unwrap();
        all(&Some(&pairs), &mut json).unwrap();
        let expected = r#"{"a":"3","b":"2"}{"a":["1","3"],"b":["2"]}"#;
        assert_eq!(String::from_utf8(json.into_inner()).unwrap(), expected);
    }
}
