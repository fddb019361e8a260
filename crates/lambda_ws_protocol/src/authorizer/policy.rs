//! The policies that authorizers return, evaluated like IAM evaluates them.

mod condition;

pub use condition::PolicyContext;

use condition::Condition;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A policy document. Members without an effect, such as `Version` and `Sid`, are not read.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyDocument {
    #[serde(deserialize_with = "one_or_many")]
    statement: Vec<Statement>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
struct Statement {
    effect: Effect,
    action: Patterns,
    resource: Patterns,
    /// The conditions of the statement. All of them must hold.
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// The actions or resources of a statement: those that match one of the patterns, or those that match none.
#[derive(Debug, Clone)]
enum Patterns {
    Any(Vec<String>),
    None(Vec<String>),
}

/// A statement in its JSON form.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    effect: Effect,
    #[serde(default, deserialize_with = "some")]
    action: Option<Vec<String>>,
    #[serde(default, deserialize_with = "some")]
    not_action: Option<Vec<String>>,
    #[serde(default, deserialize_with = "some")]
    resource: Option<Vec<String>>,
    #[serde(default, deserialize_with = "some")]
    not_resource: Option<Vec<String>>,
    #[serde(default)]
    condition: Option<Value>,
}

impl PolicyDocument {
    /// Returns whether the policy allows an action on a resource. A statement must allow it, and no statement may deny it.
    pub(super) fn allows(&self, action: &str, resource: &str, context: &PolicyContext<'_>) -> bool {
        let any = |effect| {
            self.statement.iter().any(|statement| {
                statement.effect == effect
                    && statement.action.include(|one| matches_name(one, action))
                    && statement
                        .resource
                        .include(|one| matches_pattern(one, resource))
                    && statement
                        .conditions
                        .iter()
                        .all(|one| one.holds(context, resource))
            })
        };
        any(Effect::Allow) && !any(Effect::Deny)
    }
}

impl Patterns {
    fn include(&self, matches: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Any(patterns) => patterns.iter().any(|one| matches(one)),
            Self::None(patterns) => !patterns.iter().any(|one| matches(one)),
        }
    }
}

impl TryFrom<Written> for Statement {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let patterns = |name: &str, any, none| match (any, none) {
            (Some(any), None) => Ok(Patterns::Any(any)),
            (None, Some(none)) => Ok(Patterns::None(none)),
            _ => Err(format!(
                "the statement is not valid: expected either `{name}` or `Not{name}`, \
                 as a string or a list of strings"
            )),
        };
        Ok(Self {
            effect: written.effect,
            action: patterns("Action", written.action, written.not_action)?,
            resource: patterns("Resource", written.resource, written.not_resource)?,
            // If an unknown operator were ignored, a client that AWS rejects could be accepted.
            conditions: condition::read(written.condition.unwrap_or_default())?,
        })
    }
}

/// Reads a list, or a single element as a list.
fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let many = match Value::deserialize(deserializer)? {
        Value::Array(many) => many,
        one => vec![one],
    };
    let read = many.into_iter().map(serde_json::from_value);
    read.collect::<Result<_, _>>().map_err(D::Error::custom)
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    one_or_many(deserializer).map(Some)
}

/// Returns whether the name of an action matches a pattern. The case is ignored.
fn matches_name(pattern: &str, name: &str) -> bool {
    matches_pattern(&pattern.to_ascii_lowercase(), &name.to_ascii_lowercase())
}

/// Returns whether an ASCII name matches a pattern of IAM. `*` matches any characters and `?` matches one.
pub fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // The position after the last star, and the position in the name up to which the star matches. After a mismatch,
    // the star matches one more character.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(b) if *b == b'?' || *b == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((after, matched)) => {
                    star = Some((after, matched + 1));
                    (p, n) = (after, matched + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const ARN: &str = "arn:aws:execute-api:us-east-1:1:a/dev/$connect";

    fn allows(statements: &Value) -> Result<bool, String> {
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        let policy: Result<PolicyDocument, _> = serde_json::from_value(policy);
        let policy = policy.map_err(|error| error.to_string())?;
        let context = PolicyContext {
            source_ip: "192.0.2.1",
            user_agent: None,
            referer: None,
            now: crate::Timestamp::from_millis(0),
        };
        Ok(policy.allows("execute-api:Invoke", ARN, &context))
    }

    fn statement(effect: &str, resource: &str) -> Value {
        json!({"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource})
    }

    #[test]
    fn b9_a_client_requires_a_statement_that_allows_it_and_none_that_denies_it() {
        let (allow, deny) = (statement("Allow", ARN), statement("Deny", ARN));
        let other = statement("Allow", "arn:aws:execute-api:us-east-1:1:a/prod/*");
        let wide = statement("Allow", "arn:aws:execute-api:*:?:a/*");
        let two = json!({"Effect": "Allow", "Action": "*", "Resource": ["x", ARN]});
        for (statements, allowed) in [
            (json!([allow]), true),
            (allow.clone(), true),
            (json!([wide]), true),
            (json!([two]), true),
            (json!([other]), false),
            (json!([deny]), false),
            (json!([wide, deny]), false),
            (json!([deny, wide]), false),
            (json!([other, allow]), true),
            (json!([]), false),
        ] {
            assert_eq!(allows(&statements), Ok(allowed), "{statements}");
        }
    }

    #[test]
    fn b9_the_case_of_an_action_is_ignored_and_that_of_a_resource_is_not() {
        let with = |action: Value, resource: &str| {
            allows(&json!({"Effect": "Allow", "Action": action, "Resource": resource})).unwrap()
        };
        for action in ["Execute-API:invoke", "execute-api:*", "execute-api:Inv?ke"] {
            assert!(with(json!(action), "*"), "{action}");
        }
        assert!(with(json!(["s3:GetObject", "execute-api:Invoke"]), "*"));
        assert!(!with(json!("execute-api:ManageConnections"), "*"));
        assert!(!with(json!("*"), &ARN.to_ascii_uppercase()));
    }

    #[test]
    fn b9_not_action_and_not_resource_match_everything_else() {
        let with = |action: &str, resource: &str| {
            let one = json!({"Effect": "Allow", "NotAction": action, "NotResource": resource});
            allows(&one).unwrap()
        };
        assert!(with("s3:*", "arn:aws:s3:::*"));
        assert!(!with("execute-api:*", "arn:aws:s3:::*"));
        assert!(!with("s3:*", ARN));
    }

    #[test]
    fn b9_the_error_of_a_policy_that_cannot_be_evaluated_states_the_reason() {
        let rejected = |statement: Value| allows(&statement).unwrap_err();
        let base = statement("Allow", "*");
        let with = |name: &str, value: Value| {
            let mut statement = base.clone();
            statement[name] = value;
            statement
        };
        assert!(rejected(with("Effect", json!("allow"))).contains("`allow`"));
        assert!(rejected(with("NotAction", json!("*"))).contains("`NotAction`"));
        assert!(rejected(with("NotResource", json!("*"))).contains("`NotResource`"));
        assert!(rejected(with("Resource", json!([1]))).contains("string"));
        let condition = json!({"Somehow": {"aws:SourceIp": "192.0.2.0/24"}});
        assert!(rejected(with("Condition", condition)).contains("`Somehow`"));
        for (net, allowed) in [("192.0.2.0/24", true), ("198.51.100.0/24", false)] {
            let condition = json!({"IpAddress": {"aws:SourceIp": net}});
            assert_eq!(allows(&with("Condition", condition.clone())), Ok(allowed));
            let mut deny = with("Condition", condition);
            deny["Effect"] = json!("Deny");
            assert_eq!(allows(&json!([base, deny])), Ok(!allowed));
        }
        assert!(rejected(json!({"Effect": "Allow", "Action": "*"})).contains("`Resource`"));
        assert_eq!(allows(&with("Condition", json!({}))), Ok(true));
    }

    /// A simple and slow implementation of a pattern.
    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match pattern {
            [] => name.is_empty(),
            [b'*', rest @ ..] => (0..=name.len()).any(|under| naive(rest, &name[under..])),
            [b'?', rest @ ..] => !name.is_empty() && naive(rest, &name[1..]),
            [one, rest @ ..] => name.first() == Some(one) && naive(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_like_the_simple_implementation(
            pattern in "[ab*?]{0,8}", name in "[ab]{0,8}"
        ) {
            prop_assert_eq!(matches_pattern(&pattern, &name), naive(pattern.as_bytes(), name.as_bytes()));
        }

        #[test]
        fn reading_a_policy_never_panics(
            text in "(\"(Statement|Effect|Action|Allow|Deny)\"|[\\[\\]{},:*0a]){0,20}"
        ) {
            let _ = serde_json::from_str::<PolicyDocument>(&text);
        }
    }
}
