//! Finds one member of a JSON object without storing the other members.

use serde::Deserializer;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// The value of a member in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member<'a> {
    /// The value as text (conformance D5).
    Text(Cow<'a, str>),
    /// The message is a JSON object, and the member is absent or `null`.
    Missing,
    /// The message is not a JSON object.
    NotJson,
}

/// Returns the member `name` of the JSON object `body`.
pub fn member<'a>(body: &'a str, name: &str) -> Member<'a> {
    let mut json = serde_json::Deserializer::from_str(body);
    let found = json.deserialize_map(Find(name));
    match found.and_then(|found| json.end().map(|()| found)) {
        Ok(Some(text)) => Member::Text(text),
        Ok(None) => Member::Missing,
        Err(_) => Member::NotJson,
    }
}

struct Find<'n>(&'n str);

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Key(key)) = map.next_key()? {
            if key != self.0 {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let raw: &serde_json::value::RawValue = map.next_value()?;
            found = text(raw.get()).map_err(A::Error::custom)?;
        }
        Ok(found)
    }
}

/// The name of a member. It is borrowed if it contains no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

fn text(raw: &str) -> Result<Option<Cow<'_, str>>, serde_json::Error> {
    if raw.starts_with('"') {
        return serde_json::from_str::<Key<'_>>(raw).map(|Key(text)| Some(text));
    }
    let value: Value = serde_json::from_str(raw)?;
    Ok((!value.is_null()).then(|| super::text(&value).into_owned().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_at_every_position() {
        let found = |body| match member(body, "action") {
            Member::Text(text) => text.into_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(
            found(r#"{"a":[{"action":"no"}],"action":"say","b":null}"#),
            "say"
        );
        assert_eq!(found(r#"{"\u0061ction":"s\u0061y"}"#), "say");
        assert_eq!(found(r#"{"action":42}"#), "42");
        assert_eq!(found(r#"{"action":"one","action":"two"}"#), "two");
        assert_eq!(found(r#"{"action":null}"#), "Missing");
        assert_eq!(found("{}"), "Missing");
        for body in [
            "",
            "hello",
            "[]",
            "\"action\"",
            "{\"action\":\"say\"",
            "{} {}",
            "null",
        ] {
            assert_eq!(found(body), "NotJson", "{body}");
        }
    }
}
