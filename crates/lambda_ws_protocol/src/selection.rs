//! Route selection expressions. A WebSocket API uses one to select the route of a message.
//!
//! An expression consists of variables and literal text (conformance D1). A variable is written as
//! `$request.body.action` or `${request.body.action}`. Its path contains members and indexes such as `[0]`. `\$` is a
//! literal dollar sign.
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

/// The error of a text that is not a valid route selection expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{expression}` is not a valid route selection expression: {problem}")]
pub struct InvalidExpression {
    expression: String,
    problem: String,
}

impl Expression {
    /// Returns the route key that a message selects. Without a key, the message goes to `$default`.
    ///
    /// A body that is not JSON does not select a key. Member names without quotes are allowed (conformance D3).
    /// Numbers, booleans and lists are converted to text (conformance D5). A path without a value is the empty string
    /// beside other parts. Alone, it does not select a key.
    pub fn select(&self, body: &str) -> Option<String> {
        if let [Part::Literal(key)] = self.parts.as_slice() {
            return Some(key.clone());
        }
        if let [Part::Variable(Path(segments))] = self.parts.as_slice()
            && let [Segment::Member(name)] = segments.as_slice()
        {
            // Most APIs use such an expression. This way does not copy the whole message.
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
    /// Returns the key of the route of a message: the selected one, or else `$default` (conformance D2, D3). Returns
    /// `None` if neither route exists (D4). A message cannot select `$connect` or `$disconnect` (D6). `exists` returns
    /// whether the API has a route.
    pub fn route_key(&self, body: &str, exists: impl Fn(&str) -> bool) -> Option<String> {
        let selected = self.select(body);
        let selected = selected.filter(|key| key != "$connect" && key != "$disconnect");
        let selected = selected.filter(|key| exists(key));
        selected.or_else(|| exists("$default").then(|| "$default".to_owned()))
    }
}

impl Default for Expression {
    /// Returns `$request.body.action`.
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
                    .ok_or_else(|| bad("expected a `}` after `${`".to_owned()))?,
                // A variable without braces extends to the end of the expression.
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
            return Err(bad("the expression is empty".to_owned()));
        }
        Ok(Self {
            text: expression.to_owned(),
            parts,
        })
    }
}

/// Returns a JSON value as text (conformance D5). A list becomes `[item1, item2]` (D1).
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
        let found = selected("${request.body.service}/${request.body.action}");
        assert_eq!(found, "chat/join");
        let found = selected("${request.body.action}-${request.body.invalidPath}");
        assert_eq!(found, "join-");
        assert_eq!(selected("action"), "action");
        assert_eq!(selected(r"\$default"), "$default");
        assert_eq!(selected("$request.body.data.room"), "room1234");
    }

    #[test]
    fn d1_a_path_can_index_a_list_and_a_list_becomes_text() {
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
    fn d3_a_body_that_is_not_json_selects_nothing_and_names_without_quotes_are_allowed() {
        let lenient = r#"{"action":"sendMessage", body:"hello"}"#;
        let expected = "sendMessage";
        assert_eq!(select("$request.body.action", lenient).unwrap(), expected);
        let found = select("$request.body.action", r#"{action: "a,b:{c"}"#).unwrap();
        assert_eq!(found, "a,b:{c");
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
    fn the_error_of_an_expression_that_is_not_valid_states_the_reason() {
        let rejected = |e: &str| e.parse::<Expression>().unwrap_err().to_string();
        assert!(rejected("").contains("empty"));
        assert!(rejected("${request.body.a").contains("expected a `}`"));
        assert!(rejected("$context.routeKey").contains("request.body"));
        assert!(rejected("$request.body.a[x]").contains("[x]"));
        assert!(rejected("$request.body.").contains("member"));
    }
}
