//! The lenient JSON that API Gateway accepts: member names without quotes (conformance D3).

/// Returns `json` with quotes around its bare member names, or `None` if it has no bare names.
pub(super) fn quoted(json: &str) -> Option<String> {
    let mut out = String::with_capacity(json.len() + 16);
    let mut rest = json;
    let mut bare = false;
    while let Some(first) = rest.chars().next() {
        let token = match first {
            '"' => string(rest),
            c if starts_name(c) => rest.len() - rest.trim_start_matches(continues_name).len(),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(token);
        let is_name = starts_name(first)
            && out.trim_end().ends_with(['{', ','])
            && after.trim_start().starts_with(':');
        if is_name {
            bare = true;
            out.extend(["\"", token, "\""]);
        } else {
            out.push_str(token);
        }
        rest = after;
    }
    bare.then_some(out)
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

fn continues_name(c: char) -> bool {
    starts_name(c) || c.is_numeric() || c == '-'
}

/// Returns the length of the string at the start of `json`, including its quotes.
fn string(json: &str) -> usize {
    let mut escaped = false;
    for (at, c) in json.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bare_names_are_quoted_and_the_rest_is_unchanged() {
        assert_eq!(
            quoted(r#"{a: 1, "b c": {d_1 :[x]}, e:"f: {g:\"h\""}"#).unwrap(),
            r#"{"a": 1, "b c": {"d_1" :[x]}, "e":"f: {g:\"h\""}"#
        );
        assert_eq!(quoted(r#"{"a":true,"b":[null,false]}"#), None);
    }

    proptest! {
        #[test]
        fn any_text_is_accepted(text in ".{0,200}") {
            quoted(&text);
        }
    }
}
