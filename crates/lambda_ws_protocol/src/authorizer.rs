//! What travels between API Gateway and a Lambda authorizer.

mod identity_source;
mod policy;

pub use identity_source::{IdentitySource, InvalidIdentitySource};
pub use policy::{PolicyContext, matches_pattern};

use crate::event::{Pairs, RequestContext, all, last};
use crate::limits::AUTHORIZER_BYTES;
use policy::PolicyDocument;
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
    document: PolicyDocument,
    said: Map<String, Value>,
    usage_identifier_key: Option<String>,
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
    policy_document: PolicyDocument,
    #[serde(default)]
    context: Option<Map<String, Value>>,
    #[serde(default)]
    usage_identifier_key: Option<String>,
}

/// The headers of an authorizer's event, for those of a CONNECT: with the ones of the hop, which it
/// has not, and in the order of their names (conformance B10).
pub fn authorizer_headers(connect: &Pairs) -> Pairs {
    const HOPS: [(&str, &str); 3] = [
        ("Connection", "upgrade"),
        ("content-length", "0"),
        ("Upgrade", "websocket"),
    ];
    let mut headers: Vec<_> = connect
        .iter()
        .chain(HOPS)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    headers.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    headers.into_iter().collect()
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
        // Two places are documented; where it is not a member of the context, later events do not have it.
        let usage_identifier_key = returned.usage_identifier_key.or_else(|| {
            let said = said.get("usageIdentifierKey").and_then(Value::as_str);
            said.map(str::to_owned)
        });
        Ok(Self {
            document: returned.policy_document,
            said,
            usage_identifier_key,
        })
    }

    /// Whether the policy allows `method_arn` to a client: a statement whose conditions hold allows it, and none denies it.
    pub fn allows(&self, method_arn: &str, context: &PolicyContext<'_>) -> bool {
        let action = "execute-api:Invoke";
        self.document.allows(action, method_arn, context)
    }

    /// What later events say in `requestContext.authorizer`: `principalId` and the context, all of it
    /// text (conformance C1).
    pub fn said(&self) -> &Map<String, Value> {
        &self.said
    }

    /// The client's API key, for APIs that take it from their authorizer (conformance B11).
    pub fn usage_identifier_key(&self) -> Option<&str> {
        self.usage_identifier_key.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(statements: &Value) -> Value {
        json!({"principalId": "ann", "policyDocument": {"Version": "2012-10-17", "Statement": statements}})
    }

    fn read(json: &Value) -> Result<AuthorizerResponse, MalformedPolicy> {
        AuthorizerResponse::read(json.to_string().as_bytes())
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

    #[test]
    fn b11_a_usage_identifier_key_stands_beside_the_context_or_in_it() {
        let mut beside = policy(&json!([]));
        beside["usageIdentifierKey"] = json!("k1");
        let mut inside = policy(&json!([]));
        inside["context"] = json!({"usageIdentifierKey": "k2"});
        let key = |json: &Value| {
            let response = read(json).unwrap();
            response.usage_identifier_key().map(str::to_owned)
        };
        assert_eq!(key(&beside).as_deref(), Some("k1"));
        assert_eq!(key(&inside).as_deref(), Some("k2"));
        assert_eq!(key(&policy(&json!([]))), None);
    }

    #[test]
    fn b10_an_authorizer_sees_the_headers_of_the_hop_too() {
        let connect: Pairs = [("Host", "h"), ("a", "1"), ("X", "y"), ("a", "2")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .into_iter()
            .collect();
        let headers = authorizer_headers(&connect);
        let pairs: Vec<_> = headers.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let expected = [
            "a=1",
            "a=2",
            "Connection=upgrade",
            "content-length=0",
            "Host=h",
            "Upgrade=websocket",
            "X=y",
        ];
        assert_eq!(pairs, expected);
    }
}
