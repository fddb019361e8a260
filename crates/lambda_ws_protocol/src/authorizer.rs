//! The events and responses of Lambda authorizers.

mod identity_source;
mod policy;

pub use identity_source::{IdentitySource, InvalidIdentitySource};
pub use policy::{PolicyContext, matches_pattern};

use crate::event::{Pairs, RequestContext, all, last};
use crate::limits::AUTHORIZER_BYTES;
use policy::PolicyDocument;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The event of a Lambda authorizer, as a gateway writes it (conformance B10, C4).
///
/// It has the form of a CONNECT event with other headers. Members that are absent in a CONNECT event are empty
/// objects here.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerRequest<'a> {
    /// Always `REQUEST`.
    pub r#type: &'a str,
    /// `arn:aws:execute-api:{region}:{account}:{api}/{stage}/$connect`.
    pub method_arn: &'a str,
    /// The headers of the handshake, including hop-by-hop headers. Contains the last value of each.
    #[serde(serialize_with = "last")]
    pub headers: Option<&'a Pairs>,
    /// The headers of the handshake, with all values of each.
    #[serde(serialize_with = "all")]
    pub multi_value_headers: Option<&'a Pairs>,
    /// The query string, with the last value of each name.
    #[serde(serialize_with = "last")]
    pub query_string_parameters: Option<&'a Pairs>,
    /// The query string, with all values of each name.
    #[serde(serialize_with = "all")]
    pub multi_value_query_string_parameters: Option<&'a Pairs>,
    /// The variables of the stage.
    #[serde(serialize_with = "last")]
    pub stage_variables: Option<&'a Pairs>,
    /// The connection, the stage and the time of the event.
    pub request_context: RequestContext<'a>,
}

/// The response of a Lambda authorizer, validated as strictly as API Gateway validates it.
#[derive(Debug, Clone)]
pub struct AuthorizerResponse {
    document: PolicyDocument,
    context: Map<String, Value>,
    usage_identifier_key: Option<String>,
}

/// The error of an authorizer's response that is not valid. The client gets a 500 (conformance B9).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedPolicy {
    /// The response has more than 8 KB.
    #[error(
        "the authorizer's response is too large: expected at most {AUTHORIZER_BYTES} bytes, got {0}"
    )]
    TooLarge(usize),
    /// The response does not have the form of a policy.
    #[error(
        "the authorizer's response is not a valid policy: expected principalId and policyDocument"
    )]
    NotAPolicy(#[source] serde_json::Error),
    /// A member of the context is not a string, a number or a boolean.
    #[error(
        "the member `{0}` of the authorizer's context is not valid: expected a string, a number or a boolean"
    )]
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

/// Returns the headers of an authorizer's event for the headers of a CONNECT event. Adds the hop-by-hop headers and
/// sorts all headers by name (conformance B10).
pub fn authorizer_headers(connect: &Pairs) -> Pairs {
    const HOP_BY_HOP: [(&str, &str); 3] = [
        ("Connection", "upgrade"),
        ("content-length", "0"),
        ("Upgrade", "websocket"),
    ];
    let mut headers: Vec<_> = connect
        .iter()
        .chain(HOP_BY_HOP)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    headers.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    headers.into_iter().collect()
}

impl AuthorizerResponse {
    /// Reads the JSON response of an authorizer.
    ///
    /// # Errors
    ///
    /// Returns [`MalformedPolicy`] if API Gateway rejects the response.
    pub fn read(json: &[u8]) -> Result<Self, MalformedPolicy> {
        if json.len() > AUTHORIZER_BYTES {
            return Err(MalformedPolicy::TooLarge(json.len()));
        }
        let returned: Returned =
            serde_json::from_slice(json).map_err(MalformedPolicy::NotAPolicy)?;
        let mut context = Map::new();
        context.insert("principalId".to_owned(), returned.principal_id.into());
        for (name, value) in returned.context.into_iter().flatten() {
            let value = match value {
                Value::String(_) => value,
                Value::Number(_) | Value::Bool(_) => value.to_string().into(),
                Value::Null | Value::Array(_) | Value::Object(_) => {
                    return Err(MalformedPolicy::BadContext(name));
                }
            };
            context.insert(name, value);
        }
        // AWS documents two places for the key. Later events contain it only if it is a member of the context.
        let usage_identifier_key = returned.usage_identifier_key.or_else(|| {
            let key = context.get("usageIdentifierKey").and_then(Value::as_str);
            key.map(str::to_owned)
        });
        Ok(Self {
            document: returned.policy_document,
            context,
            usage_identifier_key,
        })
    }

    /// Returns whether the policy allows a client to invoke `method_arn`. A statement must allow it and no statement may
    /// deny it. Statements apply only if their conditions hold.
    pub fn allows(&self, method_arn: &str, context: &PolicyContext<'_>) -> bool {
        let action = "execute-api:Invoke";
        self.document.allows(action, method_arn, context)
    }

    /// Returns the `requestContext.authorizer` of later events: `principalId` and the context. All values are strings
    /// (conformance C1).
    pub fn context(&self) -> &Map<String, Value> {
        &self.context
    }

    /// Returns the client's API key, for APIs that get it from their authorizer (conformance B11).
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
    fn b9_a_response_that_is_not_a_policy_is_malformed() {
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
            let is_expected = matches!(read(&json), Err(MalformedPolicy::NotAPolicy(_)));
            assert!(is_expected, "{json}");
        }
    }

    #[test]
    fn c1_the_values_of_the_context_are_strings_in_later_events() {
        let mut json = policy(&json!([]));
        json["context"] = json!({"n": 7, "b": true, "s": "x"});
        let context = Value::from(read(&json).unwrap().context().clone());
        let expected = json!({"principalId": "ann", "n": "7", "b": "true", "s": "x"});
        assert_eq!(context, expected);
    }

    #[test]
    fn b11_a_usage_identifier_key_is_read_beside_the_context_and_in_it() {
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
    fn b10_an_authorizer_event_contains_the_hop_by_hop_headers() {
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
