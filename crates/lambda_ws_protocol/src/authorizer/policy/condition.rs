//! The conditions of policy statements.

use super::matches_pattern;
use crate::Timestamp;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

/// The values of a request that the conditions of a policy use.
///
/// `aws:SecureTransport` is always true, because API Gateway only accepts TLS. `aws:RequestedRegion` is the Region of
/// the ARN. All other keys are absent.
#[derive(Debug, Clone, Copy)]
pub struct PolicyContext<'a> {
    /// `aws:SourceIp`: the address of the client.
    pub source_ip: &'a str,
    /// `aws:UserAgent`: the `User-Agent` header of the handshake.
    pub user_agent: Option<&'a str>,
    /// `aws:Referer`: the `Referer` header of the handshake.
    pub referer: Option<&'a str>,
    /// `aws:CurrentTime` and `aws:EpochTime`.
    pub now: Timestamp,
}

impl PolicyContext<'_> {
    /// Returns the value of a key. The key must be in lower case.
    fn value(&self, key: &str, resource: &str) -> Option<Cow<'_, str>> {
        match key {
            "aws:sourceip" => Some(self.source_ip.into()),
            "aws:useragent" => Some(self.user_agent?.into()),
            "aws:referer" => Some(self.referer?.into()),
            "aws:currenttime" => Some(crate::event::iso8601(self.now).into()),
            "aws:epochtime" => Some(self.now.secs().to_string().into()),
            "aws:securetransport" => Some("true".into()),
            "aws:requestedregion" => Some(resource.split(':').nth(3)?.to_owned().into()),
            _ => None,
        }
    }
}

/// An operator with a key.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    /// The key in lower case, because the case of keys is ignored.
    key: String,
    operator: Operator,
    /// Whether the operator ends with `IfExists`. The condition then holds if the key is absent.
    if_exists: bool,
    set: Option<Set>,
    /// The values of the condition. One of them must match.
    wanted: Vec<Wanted>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Matches,
    MatchesNot,
    /// `Null`: the condition checks whether the key is absent.
    Null,
}

/// The prefix of an operator for keys with several values. Here, every key has one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    ForAllValues,
    ForAnyValue,
}

/// A value of a condition.
#[derive(Debug, Clone)]
enum Wanted {
    Text(String),
    TextIgnoringCase(String),
    Like(String),
    Number(Comparison, f64),
    /// In ms since the epoch.
    Date(Comparison, i64),
    Bool(bool),
    Net(IpAddr, u8),
}

/// The orderings of the actual and the wanted value that match.
type Comparison = &'static [Ordering];

const COMPARISONS: [(&str, Comparison); 5] = [
    ("Equals", &[Ordering::Equal]),
    ("LessThan", &[Ordering::Less]),
    ("LessThanEquals", &[Ordering::Less, Ordering::Equal]),
    ("GreaterThan", &[Ordering::Greater]),
    ("GreaterThanEquals", &[Ordering::Greater, Ordering::Equal]),
];

/// Reads the `Condition` of a statement.
pub(super) fn read(condition: Value) -> Result<Vec<Condition>, String> {
    let operators = match condition {
        Value::Null => Map::new(),
        Value::Object(operators) => operators,
        _ => {
            return Err("the `Condition` is not valid: expected an object of operators".to_owned());
        }
    };
    let mut all = Vec::new();
    for (operator, keys) in operators {
        let Value::Object(keys) = keys else {
            return Err(format!(
                "the condition operator `{operator}` is not valid: expected an object of keys"
            ));
        };
        for (key, values) in keys {
            all.push(Condition::read(&operator, &key, values)?);
        }
    }
    Ok(all)
}

impl Condition {
    fn read(operator: &str, key: &str, values: Value) -> Result<Self, String> {
        let (set, name) = match operator.split_once(':') {
            Some(("ForAllValues", name)) => (Some(Set::ForAllValues), name),
            Some(("ForAnyValue", name)) => (Some(Set::ForAnyValue), name),
            _ => (None, operator),
        };
        let (name, if_exists) = match name.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (base, kind) = match name {
            "Null" => ("Bool".to_owned(), Operator::Null),
            _ if name.contains("Not") => (name.replacen("Not", "", 1), Operator::MatchesNot),
            _ => (name.to_owned(), Operator::Matches),
        };
        let values = match values {
            Value::Array(values) => values,
            one => vec![one],
        };
        let read = values.iter().map(|value| {
            let text = match value {
                Value::String(text) => Cow::from(text),
                Value::Number(_) | Value::Bool(_) => value.to_string().into(),
                _ => {
                    return Err(format!(
                        "the value of `{operator}` for `{key}` is not valid: expected a string, a number or a boolean"
                    ));
                }
            };
            if text.contains("${") {
                return Err(format!(
                    "the policy variable in `{text}` is not supported: expected a literal value"
                ));
            }
            match Wanted::read(&base, &text) {
                Some(Some(wanted)) => Ok(wanted),
                Some(None) => Err(format!(
                    "`{text}` is not a valid value for the condition operator `{operator}`"
                )),
                None => Err(format!(
                    "the condition operator `{operator}` is not supported: expected an operator of IAM"
                )),
            }
        });
        Ok(Self {
            key: key.to_ascii_lowercase(),
            operator: kind,
            if_exists,
            set,
            wanted: read.collect::<Result<_, _>>()?,
        })
    }

    /// Returns whether the condition holds for a request for a resource.
    pub(super) fn holds(&self, context: &PolicyContext<'_>, resource: &str) -> bool {
        let actual = context.value(&self.key, resource);
        match (self.operator, actual) {
            (Operator::Null, actual) => {
                let absent = actual.is_none();
                self.wanted
                    .iter()
                    .any(|one| matches!(one, Wanted::Bool(wanted) if *wanted == absent))
            }
            (operator, Some(actual)) => {
                let matches = self.wanted.iter().any(|one| one.matches(&actual));
                matches == (operator == Operator::Matches)
            }
            (operator, None) => match self.set {
                Some(Set::ForAllValues) => true,
                Some(Set::ForAnyValue) => self.if_exists,
                None => self.if_exists || operator == Operator::MatchesNot,
            },
        }
    }
}

impl Wanted {
    /// Reads the value of an operator without its negation. Returns `None` if the operator is unknown, and `Some(None)` if
    /// the value is not valid for the operator.
    fn read(operator: &str, text: &str) -> Option<Option<Self>> {
        let comparison = |prefix: &str| {
            let name = operator.strip_prefix(prefix)?;
            let found = COMPARISONS.iter().find(|(other, _)| *other == name);
            found.map(|(_, comparison)| *comparison)
        };
        let owned = || text.to_owned();
        Some(match operator {
            "StringEquals" | "BinaryEquals" => Some(Self::Text(owned())),
            "StringEqualsIgnoreCase" => Some(Self::TextIgnoringCase(owned())),
            "StringLike" | "ArnLike" | "ArnEquals" => Some(Self::Like(owned())),
            "Bool" => text.to_ascii_lowercase().parse().ok().map(Self::Bool),
            "IpAddress" => net(text).map(|(ip, bits)| Self::Net(ip, bits)),
            _ => match (comparison("Numeric"), comparison("Date")) {
                (Some(comparison), _) => text
                    .parse()
                    .ok()
                    .map(|number| Self::Number(comparison, number)),
                (_, Some(comparison)) => date(text).map(|date| Self::Date(comparison, date)),
                _ => return None,
            },
        })
    }

    fn matches(&self, actual: &str) -> bool {
        match self {
            Self::Text(wanted) => wanted == actual,
            Self::TextIgnoringCase(wanted) => wanted.eq_ignore_ascii_case(actual),
            Self::Like(pattern) => matches_pattern(pattern, actual),
            Self::Bool(wanted) => actual.parse() == Ok(*wanted),
            Self::Number(comparison, wanted) => {
                let actual: Option<f64> = actual.parse().ok();
                let ordering = actual.and_then(|actual| actual.partial_cmp(wanted));
                ordering.is_some_and(|ordering| comparison.contains(&ordering))
            }
            Self::Date(comparison, wanted) => {
                date(actual).is_some_and(|actual| comparison.contains(&actual.cmp(wanted)))
            }
            Self::Net(net, bits) => {
                let actual = actual.parse::<IpAddr>().map(|ip| ip.to_canonical());
                actual.is_ok_and(|ip| contains(*net, *bits, ip))
            }
        }
    }
}

/// Reads an address or a range in CIDR notation.
fn net(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, bits) = match text.split_once('/') {
        Some((ip, bits)) => (ip.parse().ok()?, Some(bits.parse().ok()?)),
        None => (text.parse().ok()?, None),
    };
    let max = match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let bits = bits.unwrap_or(max);
    (bits <= max).then_some((ip, bits))
}

fn contains(net: IpAddr, bits: u8, ip: IpAddr) -> bool {
    let same = |differing: Option<u128>| differing.is_none_or(|differing| differing == 0);
    match (net, ip) {
        (IpAddr::V4(net), IpAddr::V4(ip)) => {
            let differing = net.to_bits() ^ ip.to_bits();
            same(differing.checked_shr(32 - u32::from(bits)).map(u128::from))
        }
        (IpAddr::V6(net), IpAddr::V6(ip)) => {
            let differing = net.to_bits() ^ ip.to_bits();
            same(differing.checked_shr(128 - u32::from(bits)))
        }
        _ => false,
    }
}

/// Reads a date and returns it in ms since the epoch. The text is `2026-11-27`, `2026-11-27T10:00:00.5Z`, a time with
/// an offset, or a number of seconds since the epoch.
fn date(text: &str) -> Option<i64> {
    // A text of 4 digits is a year.
    if text.len() > 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<i64>().ok()?.checked_mul(1000);
    }
    let (day, time) = text.split_once('T').unwrap_or((text, "00:00Z"));
    let mut day = day.splitn(3, '-').map(Some).chain([None, None]);
    let number = |text: Option<&str>| match text {
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Some(_) => None,
        None => Some(1),
    };
    let year = number(day.next()?)?;
    let month: u8 = number(day.next()?)?.try_into().ok()?;
    let day: u8 = number(day.next()?)?.try_into().ok()?;
    let day = time::Date::from_calendar_date(year, month.try_into().ok()?, day).ok()?;
    const EPOCH: i64 = 2_440_588;
    let days = i64::from(day.to_julian_day()) - EPOCH;

    let (time, offset) = match time.strip_suffix('Z') {
        Some(time) => (time, 0),
        None => {
            let at = time.rfind(['+', '-'])?;
            let (hours, minutes) = time[at + 1..].split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            (
                &time[..at],
                if time[at..].starts_with('-') {
                    -minutes
                } else {
                    minutes
                },
            )
        }
    };
    let mut parts = time.splitn(3, ':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next().unwrap_or("0").parse().ok()?;
    let is_time = (0..24).contains(&hours) && (0..60).contains(&minutes);
    if !is_time || !(0.0..61.0).contains(&seconds) {
        return None;
    }
    let minutes = (days * 24 + hours) * 60 + minutes - offset;
    Some(minutes * 60_000 + (seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ARN: &str = "arn:aws:execute-api:eu-west-1:1:a/dev/$connect";

    const CONTEXT: PolicyContext<'static> = PolicyContext {
        source_ip: "192.0.2.7",
        user_agent: Some("wscat/1"),
        referer: None,
        // 2023-11-29T08:04:01Z
        now: Timestamp::from_millis(1_701_245_041_000),
    };

    fn holds(condition: Value) -> Result<bool, String> {
        let all = read(condition)?;
        Ok(all.iter().all(|one| one.holds(&CONTEXT, ARN)))
    }

    fn one(operator: &str, key: &str, value: Value) -> Result<bool, String> {
        holds(json!({ operator: { key: value } }))
    }

    #[test]
    fn fault_f19_common_conditions_are_evaluated() {
        let now = "2023-11-29T08:04:01Z";
        let source_ip = [
            ("IpAddress", json!("192.0.2.0/24"), true),
            ("IpAddress", json!(["10.0.0.0/8", "192.0.2.7"]), true),
            ("IpAddress", json!("192.0.2.8/31"), false),
            ("IpAddress", json!("0.0.0.0/0"), true),
            ("IpAddress", json!("::/0"), false),
            ("NotIpAddress", json!(["10.0.0.0/8", "192.0.2.0/24"]), false),
            ("NotIpAddress", json!("203.0.113.0/24"), true),
        ];
        let user_agent = [
            ("StringEquals", json!("wscat/1"), true),
            ("StringEquals", json!("WSCAT/1"), false),
            ("StringEqualsIgnoreCase", json!("WSCAT/1"), true),
            ("StringNotEquals", json!(["x", "wscat/1"]), false),
            ("StringLike", json!(["x", "ws*/?"]), true),
            ("StringNotLike", json!("ws*"), false),
            ("Null", json!(true), false),
        ];
        let time = [
            ("DateGreaterThan", json!("2023-11-29T08:04:00Z"), true),
            ("DateGreaterThan", json!(now), false),
            ("DateGreaterThanEquals", json!(now), true),
            ("DateLessThan", json!("2023-11-29T09:04:02.5+01:00"), true),
            ("DateLessThan", json!("2023-11-30"), true),
            ("DateLessThan", json!("2023"), false),
            ("DateNotEquals", json!(now), false),
            ("DateEquals", json!("1701245041"), true),
        ];
        let secure = [("Bool", json!("true"), true), ("Bool", json!(false), false)];
        for (key, cases) in [
            ("AWS:sourceIP", &source_ip[..]),
            ("aws:SourceIp", &source_ip),
            ("aws:UserAgent", &user_agent),
            (
                "aws:RequestedRegion",
                &[("StringEquals", json!("eu-west-1"), true)],
            ),
            ("aws:CurrentTime", &time),
            (
                "aws:EpochTime",
                &[("NumericLessThanEquals", json!(1_701_245_041), true)],
            ),
            ("aws:SecureTransport", &secure),
            ("aws:Referer", &[("Null", json!("true"), true)]),
        ] {
            for (operator, value, expected) in cases {
                let held = one(operator, key, value.clone());
                assert_eq!(held, Ok(*expected), "{operator} {key} {value}");
            }
        }
    }

    #[test]
    fn fault_f19_the_operator_determines_the_result_for_an_absent_key() {
        for (operator, expected) in [
            ("StringEquals", false),
            ("StringNotEquals", true),
            ("StringLikeIfExists", true),
            ("ForAllValues:StringEquals", true),
            ("ForAnyValue:StringEquals", false),
            ("ForAnyValue:StringNotEquals", false),
        ] {
            let found = one(operator, "aws:Referer", json!("x"));
            assert_eq!(found, Ok(expected), "{operator}");
        }
        let found = one("StringEqualsIfExists", "aws:UserAgent", json!("x"));
        assert_eq!(found, Ok(false));
    }

    #[test]
    fn fault_f19_all_operators_and_keys_of_a_condition_must_hold() {
        let ip = json!({"aws:SourceIp": "192.0.2.0/24"});
        let secure = |value| json!({"aws:SecureTransport": value});
        let both = |value| json!({"IpAddress": ip, "Bool": secure(value)});
        assert_eq!(holds(both("true")), Ok(true));
        assert_eq!(holds(both("false")), Ok(false));
        assert_eq!(holds(json!({})), Ok(true));
    }

    #[test]
    fn fault_f19_the_error_of_a_condition_that_cannot_be_evaluated_states_the_reason() {
        let operator = "`StringMatches` is not supported";
        let net = "`192.0.2.0/33` is not a valid value";
        let date = "`tomorrow` is not a valid value";
        let invalid = "is not a valid value";
        for (operator, value, reason) in [
            ("StringMatches", json!("x"), operator),
            ("IpAddress", json!("192.0.2.0/33"), net),
            ("DateLessThan", json!("tomorrow"), date),
            ("DateLessThan", json!("2023-13-01"), invalid),
            ("Bool", json!("yes"), invalid),
            ("NumericEquals", json!("x"), invalid),
            ("StringEquals", json!([null]), "expected a string"),
            ("StringEquals", json!("${aws:SourceIp}"), "policy variable"),
        ] {
            let error = one(operator, "aws:SourceIp", value).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        for condition in [json!("x"), json!({"Bool": "x"})] {
            assert!(holds(condition).unwrap_err().contains("an object"));
        }
    }
}
