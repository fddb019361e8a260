//! What travels between API Gateway and a Lambda authorizer.

use super::request::{Pairs, RequestContext, all, last};
use crate::limits::AUTHORIZER_BYTES;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The event of a Lambda authorizer, as a gateway writes it: like a CONNECT, with other headers, and
/// with empty objects where a CONNECT has nothing (conformance B10, C4).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerRequest<'a> {
    /// Always `REQUEST`.
    pub r#type: &'a str,
    /// `arn:aws:execute-api:{region}:{account}:{api}/{stage}/$connect`.
    pub method_arn: &'a str,
    /// The handshake's headers, hop-by-hop ones too, the last value of each.
    #[serde(serialize_with = "last")]
    pub headers: Option<&'a Pairs>,
    /// The handshake's headers, all values of each.
    #[serde(serialize_with = "all")]
    pub multi_value_headers: Option<&'a Pairs>,
    /// The query string, the last value of each name.
    #[serde(serialize_with = "last")]
    pub query_string_parameters: Option<&'a Pairs>,
    /// The query string, all values of each name.
    #[serde(serialize_with = "all")]
    pub multi_value_query_string_parameters: Option<&'a Pairs>,
    /// The stage's variables.
    #[serde(serialize_with = "last")]
    pub stage_variables: Option<&'a Pairs>,
    /// What happened, to whom, when.
    pub request_context: RequestContext<'a>,
}

/// What a Lambda authorizer returned, checked as strictly as API Gateway checks it.
#[derive(Debug, Clone)]
pub struct AuthorizerResponse {
    document: Document,
    said: Map<String, Value>,
}

/// Why what an authorizer returned is no policy: the client sees 500 (conformance B9).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedPolicy {
    /// It is over 8 KB.
    #[error("the authorizer's response has {0} bytes: at most {AUTHORIZER_BYTES} are allowed")]
    TooLarge(usize),
    /// It has not the form of a policy.
    #[error("the authorizer's response is no policy: principalId and policyDocument are expected")]
    NoPolicy(#[source] serde_json::Error),
    /// A member of its context is neither a string nor a number nor a boolean.
    #[error("the authorizer's context has a member `{0}` that is no string, number or boolean")]
    BadContext(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Returned {
    principal_id: String,
    policy_document: Document,
    #[serde(default)]
    context: Option<Map<String, Value>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    statement: OneOrMany<Statement>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: Effect,
    action: OneOrMany<String>,
    resource: OneOrMany<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn any(&self, is: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::One(one) => is(one),
            Self::Many(many) => many.iter().any(is),
        }
    }
}

impl AuthorizerResponse {
    /// Reads the JSON an authorizer returned.
    ///
    /// # Errors
    ///
    /// [`MalformedPolicy`], if API Gateway would not take it.
    pub fn read(json: &[u8]) -> Result<Self, MalformedPolicy> {
        if json.len() > AUTHORIZER_BYTES {
            return Err(MalformedPolicy::TooLarge(json.len()));
        }
        let returned: Returned = serde_json::from_slice(json).map_err(MalformedPolicy::NoPolicy)?;
        let mut said = Map::new();
        said.insert("principalId".to_owned(), returned.principal_id.into());
        for (name, value) in returned.context.into_iter().flatten() {
            let value = match value {
                Value::String(_) => value,
                Value::Number(_) | Value::Bool(_) => value.to_string().into(),
                Value::Null | Value::Array(_) | Value::Object(_) => {
                    return Err(MalformedPolicy::BadContext(name));
                }
            };
            said.insert(name, value);
        }
        Ok(Self {
            document: returned.policy_document,
            said,
        })
    }

    /// Whether the policy allows `method_arn`: a statement allows it and none denies it.
    pub fn allows(&self, method_arn: &str) -> bool {
        let concerned = |statement: &Statement, effect| {
            statement.effect == effect
                && statement.action.any(|a| matches(a, "execute-api:Invoke"))
                && statement.resource.any(|r| matches(r, method_arn))
        };
        let any = |effect| self.document.statement.any(|s| concerned(s, effect));
        any(Effect::Allow) && !any(Effect::Deny)
    }

    /// What later events say in `requestContext.authorizer`: `principalId` and the context, all of it
    /// text (conformance C1).
    pub fn said(&self) -> &Map<String, Value> {
        &self.said
    }
}

/// Whether a name matches a pattern in which `*` stands for any characters and `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on after a mismatch: behind the last star, with one more character under it.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(b) if *b == b'?' || *b == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((behind, under)) => {
                    star = Some((behind, under + 1));
                    (p, n) = (behind, under + 1);
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
    use serde_json::json;

    const ARN: &str = "arn:aws:execute-api:us-east-1:1:a/dev/$connect";

    fn policy(statements: &Value) -> Value {
        json!({"principalId": "ann", "policyDocument": {"Version": "2012-10-17", "Statement": statements}})
    }

    fn statement(effect: &str, resource: &str) -> Value {
        json!({"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource})
    }

    fn read(json: &Value) -> Result<AuthorizerResponse, MalformedPolicy> {
        AuthorizerResponse::read(json.to_string().as_bytes())
    }

    #[test]
    fn b9_a_client_needs_a_statement_that_allows_it_and_none_that_denies_it() {
        let (allow, deny) = (statement("Allow", ARN), statement("Deny", ARN));
        let other = statement("Allow", "arn:aws:execute-api:us-east-1:1:a/prod/*");
        let wide = statement("Allow", "arn:aws:execute-api:*:?:a/*");
        for (statements, allowed) in [
            (json!([allow]), true),
            (allow.clone(), true),
            (json!([wide]), true),
            (json!([other]), false),
            (json!([deny]), false),
            (json!([wide, deny]), false),
            (json!([]), false),
        ] {
            let response = read(&policy(&statements)).unwrap();
            assert_eq!(response.allows(ARN), allowed, "{statements}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_pattern_matches_what_its_stars_stand_for(
            parts in proptest::collection::vec("[ab:]{0,4}", 1..5),
            stars in proptest::collection::vec("[ab:]{0,4}", 4),
        ) {
            let pattern = parts.join("*");
            let mut name = parts[0].clone();
            for (part, star) in parts[1..].iter().zip(stars) {
                name.push_str(&star);
                name.push_str(part);
            }
            proptest::prop_assert!(matches(&pattern, &name));
            let other = format!("{name}c");
            proptest::prop_assert_eq!(matches(&pattern, &other), pattern.ends_with('*'));
        }
    }

    #[test]
    fn b9_what_is_no_policy_is_malformed() {
        let mut nested = policy(&json!([]));
        nested["context"] = json!({"list": [1]});
        let mut large = policy(&json!([]));
        large["context"] = json!({"text": "x".repeat(AUTHORIZER_BYTES)});
        assert!(matches!(read(&nested), Err(MalformedPolicy::BadContext(name)) if name == "list"));
        assert!(matches!(read(&large), Err(MalformedPolicy::TooLarge(_))));
        for json in [
            json!({"statusCode": 401}),
            json!(null),
            json!({"isAuthorized": true}),
        ] {
            assert!(
                matches!(read(&json), Err(MalformedPolicy::NoPolicy(_))),
                "{json}"
            );
        }
    }

    #[test]
    fn c1_what_it_said_is_text_in_later_events() {
        let mut json = policy(&json!([]));
        json["context"] = json!({"n": 7, "b": true, "s": "x"});
        let said = Value::from(read(&json).unwrap().said().clone());
        assert_eq!(
            said,
            json!({"principalId": "ann", "n": "7", "b": "true", "s": "x"})
        );
    }
}
