//! Paths into the body of a message.

use serde_json::Value;
use std::str::FromStr;

/// A path to a value: the members and indexes in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(pub(super) Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Member(String),
    Index(usize),
}

impl Path {
    /// Returns the value at this path, unless it is absent or `null`.
    pub(super) fn find<'a>(&self, body: &'a Value) -> Option<&'a Value> {
        let mut value = body;
        for segment in &self.0 {
            value = match segment {
                Segment::Member(name) => value.get(name)?,
                Segment::Index(index) => value.get(index)?,
            };
        }
        (!value.is_null()).then_some(value)
    }
}

/// Reads a path such as `request.body.a.b[0]`, without the `$`.
impl FromStr for Path {
    type Err = String;

    fn from_str(variable: &str) -> Result<Self, String> {
        let Some(mut rest) = variable.strip_prefix("request.body") else {
            return Err(format!(
                "expected a variable that starts with `request.body`, got `{variable}`"
            ));
        };
        let mut segments = Vec::new();
        while !rest.is_empty() {
            rest = rest.strip_prefix(".[").map_or(rest, |_| &rest[1..]);
            if let Some(inside) = rest.strip_prefix('[') {
                let (inside, after) = inside.split_once(']').ok_or("expected a `]` after `[`")?;
                segments.push(bracketed(inside)?);
                rest = after;
            } else if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                if name.is_empty() {
                    return Err("expected the name of a member after `.`".to_owned());
                }
                segments.push(Segment::Member(name.to_owned()));
                rest = after;
            } else {
                return Err(format!("expected `.` or `[` before `{rest}`"));
            }
        }
        if segments.is_empty() {
            return Err(
                "expected a member of `request.body`, such as `request.body.action`".to_owned(),
            );
        }
        Ok(Self(segments))
    }
}

fn bracketed(inside: &str) -> Result<Segment, String> {
    if let Ok(index) = inside.parse() {
        return Ok(Segment::Index(index));
    }
    let unquoted = |quote| inside.strip_prefix(quote)?.strip_suffix(quote);
    match unquoted('\'').or_else(|| unquoted('"')) {
        Some(name) => Ok(Segment::Member(name.to_owned())),
        None => Err(format!(
            "expected an index or a quoted name, got `[{inside}]`"
        )),
    }
}
