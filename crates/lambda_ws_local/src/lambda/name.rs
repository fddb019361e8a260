//! The name of a function in a request.

/// A function's name and its version or alias, if any.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) function: &'a str,
    pub(super) qualifier: Option<&'a str>,
}

impl<'a> Name<'a> {
    /// Parses `name`, `account:function:name` or an ARN, each with or without `:qualifier`. Account and Region are not
    /// compared, because there is only one of each.
    pub(super) fn read(text: &'a str) -> Option<Name<'a>> {
        let parts: Vec<&str> = text.split(':').collect();
        let rest = match parts.as_slice() {
            ["arn", _, "lambda", _, _, "function", rest @ ..] => rest,
            [account, "function", rest @ ..]
                if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                rest
            }
            rest => rest,
        };
        let (function, qualifier) = match rest {
            [function] => (*function, None),
            [function, qualifier] => (*function, Some(*qualifier)),
            _ => return None,
        };
        let named = |text: &str, more: &[u8]| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        (named(function, b"-_.") && qualifier.is_none_or(|text| named(text, b"-_$."))).then_some(
            Name {
                function,
                qualifier,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_in_three_forms_with_or_without_a_qualifier() {
        for prefix in [
            "",
            "000000000000:function:",
            "arn:aws:lambda:us-east-1:000000000000:function:",
        ] {
            let named = Name {
                function: "chat",
                qualifier: None,
            };
            assert_eq!(Name::read(&format!("{prefix}chat")), Some(named));
            let named = Name {
                function: "chat",
                qualifier: Some("$LATEST"),
            };
            assert_eq!(Name::read(&format!("{prefix}chat:$LATEST")), Some(named));
        }
    }

    #[test]
    fn what_names_no_function_is_refused() {
        for text in [
            "",
            ":",
            "chat:",
            "a b",
            "a:b:c",
            "arn:aws:s3:::bucket",
            "chat/../x",
            "ä",
        ] {
            assert_eq!(Name::read(text), None, "{text}");
        }
    }
}
