//! The ARNs of policies, which can contain wildcards.

use lambda_ws_protocol::authorizer::matches_pattern;

/// Whether the ARN of a policy, which can contain wildcards, matches an ARN. A policy for an account other than
/// `account` matches any resource, because the template does not contain the resources of that account.
pub(super) fn covers(policy: &str, arn: &str, account: &str) -> bool {
    let parts = |text: &'_ str| -> Option<(String, String, String)> {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        match parts[..] {
            [_, _, service, _, account, rest] => {
                Some((service.to_owned(), account.to_owned(), rest.to_owned()))
            }
            _ => None,
        }
    };
    match (parts(policy), parts(arn)) {
        (Some((service, owner, rest)), Some((of, _, named))) => {
            let foreign = !matches_pattern(&owner, account);
            matches_pattern(&service, &of) && (foreign || matches_pattern(&rest, &named))
        }
        _ => matches_pattern(policy, arn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_iam() {
        for (pattern, text, does) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*b*c", "aXbbYc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*", "ba", false),
            ("api/*/POST/*", "api/dev/POST/@connections/x", true),
            ("api/*/GET/*", "api/dev/POST/@connections/x", false),
            ("", "a", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), does, "{pattern} {text}");
        }
    }

    #[test]
    fn an_arn_of_another_account_matches_any_resource() {
        let table = "arn:aws:dynamodb:us-east-1:000000000000:table/chat";
        for (policy, does) in [
            ("*", true),
            (table, true),
            ("arn:aws:dynamodb:*:*:table/*", true),
            ("arn:aws:dynamodb:us-east-1:000000000000:table/other", false),
            ("arn:aws:dynamodb:eu-west-1:123456789012:table/other", true),
            ("arn:aws:s3:::bucket", false),
        ] {
            assert_eq!(covers(policy, table, "000000000000"), does, "{policy}");
        }
    }
}
