//! Route selection expressions: how a WebSocket API finds the route of a message.
//!
//! The language (conformance D1) has variables, `$request.body.action` or `${request.body.action}`,
//! with members and `[n]` in their paths, literal text around them, and `\$` for a dollar sign.
//!
//! ```
//! use lambda_ws_protocol::selection::Expression;
//!
//! let expression: Expression = "${request.body.service}/${request.body.action}".parse()?;
//! let key = expression.select(r#"{"service": "chat", "action": "join"}"#);
//! assert_eq!(key.as_deref(), Some("chat/join"));
//! # Ok::<(), lambda_ws_protocol::selection::InvalidExpression>(())
//! ```

mod lenient;
mod member;
mod path;

pub use member::{Member, member};

use path::{Path, Segment};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A route selection expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(Path),
}

/// Why a text is no route selection expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{expression}` is no route selection expression: {problem}")]
pub struct InvalidExpression {
    expression: String,
    problem: String,
}

impl Expression {
    /// The route key a message selects, or `None`, if it selects none: then it goes to `$default`.
    ///
    /// A body that is not JSON selects nothing (conformance D3), though member names may stand
    /// without quotes. Numbers, booleans and lists are turned into text (conformance D5); a path that
    /// leads nowhere is the empty string beside other parts, and selects nothing alone.
    pub fn select(&self, body: &str) -> Option<String> {
        if let [Part::Literal(key)] = self.parts.as_slice() {
            return Some(key.clone());
        }
        if let [Part::Variable(Path(segments))] = self.parts.as_slice()
            && let [Segment::Member(name)] = segments.as_slice()
        {
            // What nearly every API selects on, found without a copy of the whole message.
            match member(body, name) {
                Member::Text(key) => return Some(key.into_owned()),
                Member::Missing => return None,
                Member::NotJson => {}
            }
        }
        let strict = serde_json::from_str(body);
        let body: Value = match strict {
            Ok(body) => body,
            Err(_) => serde_json::from_str(&lenient::quoted(body)?).ok()?,
        };
        if let [Part::Variable(path)] = self.parts.as_slice() {
            return path.find(&body).map(text).map(Cow::into_owned);
        }
        let mut key = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => key.push_str(text),
                Part::Variable(path) => {
                    key.push_str(&path.find(&body).map(text).unwrap_or_default())
                }
            }
        }
        Some(key)
    }
}

impl Expression {
    /// The key of the route a message goes to in an API with the routes that `exists` knows: the one
    /// it selects, else `$default` (conformance D2, D3); `None` if there is neither (D4). A message
    /// cannot select `$connect` and `$disconnect` (D6).
    pub fn route_key(&self, body: &str, exists: impl Fn(&str) -> bool) -> Option<String> {
        let selected = self.select(body);
        let selected = selected.filter(|key| key != "$connect" && key != "$disconnect");
        let selected = selected.filter(|key| exists(key));
        selected.or_else(|| exists("$default").then(|| "$default".to_owned()))
    }
}

impl Default for Expression {
    /// `$request.body.action`.
    fn default() -> Self {
        Self {
            text: "$request.body.action".to_owned(),
            parts: vec![Part::Variable(Path(vec![Segment::Member(
                "action".to_owned(),
            )]))],
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Expression {
    type Err = InvalidExpression;

    fn from_str(expression: &str) -> Result<Self, InvalidExpression> {
        let bad = |problem: String| InvalidExpression {
            expression: expression.to_owned(),
            problem,
        };
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = expression;
        while let Some(at) = rest.find(['$', '\\']) {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("\\$") {
                literal.push('$');
                rest = after;
                continue;
            }
            if let Some(after) = rest.strip_prefix('\\') {
                literal.push('\\');
                rest = after;
                continue;
            }
            let (variable, after) = match rest.strip_prefix("${") {
                Some(inside) => inside
                    .split_once('}')
                    .ok_or_else(|| bad("a `${` has no `}`".to_owned()))?,
                // Without braces a variable is the whole rest of the expression.
                None => (&rest[1..], ""),
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Variable(variable.parse().map_err(bad)?));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        if parts.is_empty() {
            return Err(bad("it is empty".to_owned()));
        }
        Ok(Self {
            text: expression.to_owned(),
            parts,
        })
    }
}

/// A JSON value as text (conformance D5; a list as `[item1, item2]`, D1).
fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(text).collect();
            format!("[{}]", items.join(", ")).into()
        }
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(expression: &str, body: &str) -> Option<String> {
        expression.parse::<Expression>().unwrap().select(body)
    }

    #[test]
    fn d1_the_documented_expressions_select_the_documented_keys() {
        let body = r#"{"service":"chat","action":"join","data":{"room":"room1234"}}"#;
        let selected = |expression| select(expression, body).unwrap();
        assert_eq!(selected("$request.body.action"), "join");
        assert_eq!(selected("${request.body.action}"), "join");
        assert_eq!(
            selected("${request.body.service}/${request.body.action}"),
            "chat/join"
        );
        assert_eq!(
            selected("${request.body.action}-${request.body.invalidPath}"),
            "join-"
        );
        assert_eq!(selected("action"), "action");
        assert_eq!(selected(r"\$default"), "$default");
        assert_eq!(selected("$request.body.data.room"), "room1234");
    }

    #[test]
    fn d1_a_path_may_index_a_list_and_a_list_is_stringified() {
        let body = r#"{"a":[{"b":"x"},"y",3],"c.d":1}"#;
        assert_eq!(select("$request.body.a[0].b", body).unwrap(), "x");
        assert_eq!(select("$request.body.a[1]", body).unwrap(), "y");
        assert_eq!(
            select("$request.body.a", r#"{"a":["item1","item2"]}"#).unwrap(),
            "[item1, item2]"
        );
        assert_eq!(select("$request.body.a[9]", body), None);
        assert_eq!(select("$request.body.['c.d']", body).unwrap(), "1");
    }

    #[test]
    fn d3_what_is_not_json_selects_nothing_but_names_may_lack_quotes() {
        let lenient = r#"{"action":"sendMessage", body:"hello"}"#;
        assert_eq!(
            select("$request.body.action", lenient).unwrap(),
            "sendMessage"
        );
        assert_eq!(
            select("$request.body.action", r#"{action: "a,b:{c"}"#).unwrap(),
            "a,b:{c"
        );
        for body in [
            "hello",
            "",
            "{\"action\":",
            "{'action':'x'}",
            "[]",
            "\"action\"",
            "null",
        ] {
            assert_eq!(select("$request.body.action", body), None, "{body}");
        }
    }

    #[test]
    fn d5_numbers_and_booleans_become_text_and_null_selects_nothing() {
        let selected = |body| select("$request.body.action", body);
        assert_eq!(selected(r#"{"action":42}"#).unwrap(), "42");
        assert_eq!(selected(r#"{"action":true}"#).unwrap(), "true");
        assert_eq!(selected(r#"{"action":null}"#), None);
        assert_eq!(selected(r#"{}"#), None);
    }

    #[test]
    fn a_bad_expression_is_refused_with_its_reason() {
        let refused = |e: &str| e.parse::<Expression>().unwrap_err().to_string();
        assert!(refused("").contains("empty"));
        assert!(refused("${request.body.a").contains("no `}`"));
        assert!(refused("$context.routeKey").contains("request.body"));
        assert!(refused("$request.body.a[x]").contains("[x]"));
        assert!(refused("$request.body.").contains("member"));
    }
}
