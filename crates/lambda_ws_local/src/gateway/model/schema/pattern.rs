//! The regular expressions of schemas.

use regex_lite::Regex;

/// A regular expression of ECMA 262. Its time is linear in the text, so that no message can occupy the gateway.
pub(super) struct Pattern {
    pub(super) text: String,
    /// The text must match those with `true` and none of the others. A pattern that is not supported has none.
    parts: Vec<(Regex, bool)>,
}

impl Pattern {
    /// Parses a pattern. `None` if it is not valid.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts = match Regex::new(text) {
            Ok(regex) => vec![(regex, true)],
            Err(_) => match lookaheads(text) {
                Some(parts) => parts,
                None if has_unsupported(text) => Vec::new(),
                None => return None,
            },
        };
        Some(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// Returns whether the gateway checks this pattern. It does not support back-references, classes of Unicode, and
    /// look-around other than lookaheads after the first `^`.
    pub(super) fn is_supported(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Returns whether a part of the text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut parts = self.parts.iter();
        parts.all(|(regex, expected)| regex.is_match(text) == *expected)
    }
}

/// Splits a pattern such as `^(?!\s*$)(?=.*\d).+` into its lookaheads and the rest.
fn lookaheads(text: &str) -> Option<Vec<(Regex, bool)>> {
    let mut rest = text.strip_prefix('^')?;
    let mut parts = Vec::new();
    while rest.starts_with("(?=") || rest.starts_with("(?!") {
        let end = group_end(rest)?;
        let inner = Regex::new(&format!("^(?:{})", &rest[3..end])).ok()?;
        parts.push((inner, rest.starts_with("(?=")));
        rest = &rest[end + 1..];
    }
    // The lookaheads apply to the first alternative only.
    if operators(rest).any(|(_, operator, depth)| operator == '|' && depth == 0) {
        return None;
    }
    parts.push((Regex::new(&format!("^{rest}")).ok()?, true));
    Some(parts)
}

/// Returns the position of the parenthesis that closes the group at the start.
fn group_end(text: &str) -> Option<usize> {
    let mut ends = operators(text).filter(|&(_, operator, depth)| operator == ')' && depth == 0);
    ends.next().map(|(end, ..)| end)
}

/// Returns the positions of `(`, `)` and `|`, with the number of groups around them.
fn operators(text: &str) -> impl Iterator<Item = (usize, char, i32)> {
    let (mut is_escaped, mut is_class, mut depth) = (false, false, 0);
    text.char_indices().filter_map(move |(at, letter)| {
        if is_escaped {
            is_escaped = false;
            return None;
        }
        match letter {
            '\\' => is_escaped = true,
            '[' => is_class = true,
            ']' => is_class = false,
            '(' if !is_class => {
                depth += 1;
                return Some((at, letter, depth - 1));
            }
            ')' if !is_class => {
                depth -= 1;
                return Some((at, letter, depth));
            }
            '|' if !is_class => return Some((at, letter, depth)),
            _ => {}
        }
        None
    })
}

/// Returns whether a pattern has what `regex_lite` does not support: look-around, back-references, `\p` and `\c`.
fn has_unsupported(text: &str) -> bool {
    let groups = ["(?=", "(?!", "(?<=", "(?<!"];
    let mut escaped = text
        .split('\\')
        .skip(1)
        .filter_map(|after| after.chars().next());
    groups.iter().any(|group| text.contains(group))
        || escaped.any(|letter| "123456789kpPc".contains(letter))
}
