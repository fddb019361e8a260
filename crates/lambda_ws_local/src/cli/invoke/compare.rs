//! Compares a response with the recorded one, except for ids and times.

use lambda_ws_local::emulator::Recorded;
use regex_lite::Regex;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// Returns the differences, one line each.
pub(super) fn differences(recorded: &Recorded, now: Result<&Value, &str>) -> Vec<String> {
    let before = match (&recorded.response, &recorded.error) {
        (_, Some(error)) => Err(error.as_str()),
        (Some(response), None) => Ok(response),
        (None, None) => Ok(&Value::Null),
    };
    let mut found = Vec::new();
    match (before, now) {
        (Ok(before), Ok(now)) => walk("", &plain(before), &plain(now), &mut found),
        (Err(before), Err(now)) if blurred(before) == blurred(now) => {}
        (before, now) => {
            let shown = |end: Result<&Value, &str>| match end {
                Ok(response) => response.to_string(),
                Err(error) => error.to_owned(),
            };
            found.push(format!("recorded {}, now {}", shown(before), shown(now)));
        }
    }
    found
}

fn walk(path: &str, before: &Value, now: &Value, found: &mut Vec<String>) {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            let new = now.keys().filter(|key| !before.contains_key(*key));
            for key in before.keys().chain(new) {
                let at = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                walk(&format!("{path}.{key}"), &at(before), &at(now), found);
            }
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            for (index, (before, now)) in before.iter().zip(now).enumerate() {
                walk(&format!("{path}[{index}]"), before, now, found);
            }
        }
        (before, now) if before == now => {}
        (before, now) => {
            let path = path.strip_prefix('.').unwrap_or(path);
            let colon = if path.is_empty() { "" } else { ": " };
            found.push(format!("{path}{colon}recorded {before}, now {now}"));
        }
    }
}

/// Returns the JSON without ids and times, also in strings that contain JSON, such as bodies.
fn plain(json: &Value) -> Value {
    match json {
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(key, value)| (key.clone(), plain(value)));
            Value::Object(members.collect())
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::String(text) => match serde_json::from_str(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => plain(&inner),
            _ => blurred(text).into(),
        },
        Value::Number(number) => match number.as_u64() {
            // 2017 to 2049, in seconds and in milliseconds.
            Some(1_500_000_000..2_500_000_000 | 1_500_000_000_000..2_500_000_000_000) => {
                "<time>".into()
            }
            _ => json.clone(),
        },
        other => other.clone(),
    }
}

/// Returns the text without ids and times.
fn blurred(text: &str) -> String {
    static CHANGING: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
        let pattern = |text| Regex::new(text).expect("a literal pattern, which tests compile");
        [
            (
                pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"),
                "<time>",
            ),
            (
                pattern(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"),
                "<time>",
            ),
            (
                pattern(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"),
                "<id>",
            ),
            // The gateway's ids (conformance C).
            (pattern(r"[A-Za-z0-9_-]{15}="), "<id>"),
            (pattern(r"\b(1[5-9]|2[0-4])\d{11}\b"), "<time>"),
        ]
    });
    let mut text = text.to_owned();
    for (pattern, sign) in CHANGING.iter() {
        text = pattern.replace_all(&text, *sign).into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(before: Value, now: Value) -> Vec<String> {
        differences(&recorded(Some(before), None), Ok(&now))
    }

    fn recorded(response: Option<Value>, error: Option<&str>) -> Recorded {
        let file = json!({
            "requestId": "", "function": "", "route": "", "durationMs": 0.0,
            "response": response, "error": error,
        });
        serde_json::from_value(file).expect("a recorded response")
    }

    #[test]
    fn ids_and_times_are_no_difference() {
        let response = |id: &str, uuid: &str, time: &str, millis: u64| {
            let body = json!({"you": id, "at": millis, "text": format!("{uuid} at {time}")});
            json!({"statusCode": 200, "body": body.to_string()})
        };
        let before = response(
            "PJqB0fHsqRcCHlw=",
            "0f0e0d0c-0b0a-4908-8706-050403020100",
            "2026-01-01T00:00:00.123Z",
            1_701_245_041_796,
        );
        let now = response(
            "AAAA1234AAAA123=",
            "1f0e0d0c-0b0a-4908-8706-050403020100",
            "2027-12-31T00:00:00+01:00",
            1_801_245_041_796,
        );
        assert_eq!(of(before, now), [""; 0]);
        let time = |time: &str| json!(format!("at {time}, {time}"));
        let old = time("29/Nov/2023:08:04:01 +0000");
        assert_eq!(of(old, time("30/Nov/2026:08:04:01 +0000")), [""; 0]);
        assert_eq!(of(time("1701245041796"), time("1801245041796")), [""; 0]);
    }

    #[test]
    fn a_difference_is_named_by_its_place() {
        let before = json!({"statusCode": 200, "body": r#"{"a":[1,{"b":"x"}]}"#});
        let now = json!({"statusCode": 500, "body": r#"{"a":[1,{"b":"y"}],"c":true}"#});
        let expected = [
            "statusCode: recorded 200, now 500",
            r#"body.a[1].b: recorded "x", now "y""#,
            "body.c: recorded null, now true",
        ];
        assert_eq!(of(before, now), expected);
        assert_eq!(of(json!(1), json!([])), ["recorded 1, now []"]);
    }

    #[test]
    fn an_error_is_compared_too() {
        let failed = recorded(None, Some("no user PJqB0fHsqRcCHlw="));
        let same = differences(&failed, Err("no user AJqB0fHsqRcCHlw="));
        assert_eq!(same, [""; 0]);
        let now = differences(&failed, Ok(&json!({"statusCode": 200})));
        let expected = [r#"recorded no user PJqB0fHsqRcCHlw=, now {"statusCode":200}"#];
        assert_eq!(now, expected);
    }
}
