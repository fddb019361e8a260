//! Reads a JSON template as the events of a YAML parser. A YAML parser does not accept all JSON, because JSON writes a
//! character above U+FFFF as two escapes.

use crate::template::syntax::Problem;
use saphyr_parser::{Event, Marker, ScalarStyle, Span};
use serde::de::IgnoredAny;
use std::borrow::Cow;

type Placed = (Event<'static>, Span);

/// Returns the events of a JSON text. The error contains the position of a syntax error.
pub(crate) fn events(text: &str) -> Result<Vec<Placed>, Problem> {
    let _: IgnoredAny = serde_json::from_str(text).map_err(|error| not_json(&error, 0, 0))?;
    // The text is valid JSON, so each byte below starts or ends a token.
    let mut events = Vec::new();
    let (mut line, mut column, mut at) = (1, 0, 0);
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        let (start, location) = (at, Marker::new(at, line, column));
        (at, column) = (at + 1, column + 1);
        let event = match byte {
            b'{' => Event::MappingStart(0, None),
            b'}' => Event::MappingEnd,
            b'[' => Event::SequenceStart(0, None),
            b']' => Event::SequenceEnd,
            b'\n' => {
                (line, column) = (line + 1, 0);
                continue;
            }
            b' ' | b'\t' | b'\r' | b',' | b':' => continue,
            b'"' => {
                at += string_end(&bytes[at..]);
                let string = serde_json::from_str::<String>(&text[start..at]);
                let string = string.map_err(|error| not_json(&error, line, location.col()))?;
                column += text[start + 1..at].chars().count();
                scalar(string, ScalarStyle::DoubleQuoted)
            }
            _ => {
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                let length = bytes[at..].iter().take_while(|byte| is_part(byte)).count();
                (at, column) = (at + length, column + length);
                scalar(text[start..at].to_owned(), ScalarStyle::Plain)
            }
        };
        events.push((event, Span::empty(location)));
    }
    Ok(events)
}

fn scalar(text: String, style: ScalarStyle) -> Event<'static> {
    Event::Scalar(Cow::Owned(text), style, 0, None)
}

/// Returns the number of bytes up to the end of a string, including its closing quote.
fn string_end(bytes: &[u8]) -> usize {
    let mut escaped = false;
    let end = bytes.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.map_or(bytes.len(), |end| end + 1)
}

/// Returns the problem of a part that starts after `columns` of a `line`; both are 0 for the whole text.
fn not_json(error: &serde_json::Error, line: usize, columns: usize) -> Problem {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    let (line, column) = (
        error.line() + line.saturating_sub(1),
        error.column() + columns,
    );
    Problem::at(line, column, format!("the file is not valid JSON: {what}"))
}
