//! The policies of authorizers.

use lambda_ws_protocol::limits::AUTHORIZER_BYTES;
use serde::Serialize;
use serde_json::{Map, Number, Value};

/// The decision of an authorizer: whether a client may connect, its principal, and the context for later events.
/// [`Router::authorize`](crate::Router::authorize) handlers return it.
///
/// Every later event of the connection contains the principal and the context, for [`Authorizer`](crate::Authorizer).
/// A policy has at most 8 KB; otherwise the client gets 500 (conformance B9).
///
/// ```
/// use lambda_ws::auth::Policy;
///
/// let policy = Policy::allow("ann").context("admin", true).context("level", 7);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a policy decides nothing until the handler returns it"]
pub struct Policy {
    principal: String,
    effect: Effect,
    context: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Effect {
    Allow,
    Deny,
}

/// A value in the context of a [`Policy`]: text, a number or a boolean. API Gateway accepts no other types, and
/// converts all of them to text (conformance C1).
#[derive(Debug, Clone, PartialEq)]
pub struct ContextValue(Value);

impl Policy {
    /// Allows the client to connect as `principal`, such as a user's id.
    pub fn allow(principal: impl Into<String>) -> Self {
        Self::new(principal.into(), Effect::Allow)
    }

    /// Rejects the client with 403. `principal` is only for the API's access log.
    pub fn deny(principal: impl Into<String>) -> Self {
        Self::new(principal.into(), Effect::Deny)
    }

    fn new(principal: String, effect: Effect) -> Self {
        let context = Map::new();
        Self {
            principal,
            effect,
            context,
        }
    }

    /// Adds a value to the context of later events, or replaces it. The context is not secret: it may be logged.
    pub fn context(mut self, name: impl Into<String>, value: impl Into<ContextValue>) -> Self {
        self.context.insert(name.into(), value.into().0);
        self
    }

    /// Returns whether it allows the client to connect.
    pub fn allows(&self) -> bool {
        self.effect == Effect::Allow
    }

    /// Returns the policy in API Gateway's format, for the requested resource.
    pub(crate) fn document(&self, method_arn: &str) -> Result<String, String> {
        let answer = Answer {
            principal_id: &self.principal,
            policy_document: Document {
                version: "2012-10-17",
                statement: [Statement {
                    action: "execute-api:Invoke",
                    effect: self.effect,
                    resource: method_arn,
                }],
            },
            context: &self.context,
        };
        let json = serde_json::to_string(&answer).map_err(|error| error.to_string())?;
        match json.len() {
            0..=AUTHORIZER_BYTES => Ok(json),
            bytes => Err(format!(
                "a policy of {bytes} bytes is too large: expected at most {AUTHORIZER_BYTES} bytes"
            )),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    principal_id: &'a str,
    policy_document: Document<'a>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    context: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    version: &'a str,
    statement: [Statement<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement<'a> {
    action: &'a str,
    effect: Effect,
    resource: &'a str,
}

macro_rules! values {
    ($($type:ty)*) => { $(
        impl From<$type> for ContextValue {
            fn from(value: $type) -> Self {
                Self(value.into())
            }
        }
    )* };
}

values! { bool i8 i16 i32 i64 u8 u16 u32 u64 String &str }

/// A number that JSON does not support, such as `NaN`, becomes text.
impl From<f64> for ContextValue {
    fn from(value: f64) -> Self {
        let number = Number::from_f64(value).map(Value::Number);
        Self(number.unwrap_or_else(|| value.to_string().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:1:a/dev/$connect";

    #[test]
    fn b9_a_policy_has_the_documented_form() {
        let policy = Policy::allow("ann")
            .context("user", "ann")
            .context("n", 7)
            .context("share", 0.5)
            .context("nan", f64::NAN)
            .context("admin", true);
        let json = policy.document(ARN).unwrap();
        assert_eq!(
            json,
            r#"{"principalId":"ann","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"arn:aws:execute-api:us-east-1:1:a/dev/$connect"}]},"context":{"user":"ann","n":7,"share":0.5,"nan":"NaN","admin":true}}"#
        );
        let json = Policy::deny("eve").document(ARN).unwrap();
        assert!(json.contains(r#""Effect":"Deny""#) && !json.contains("context"));
    }

    #[test]
    fn b9_a_policy_of_over_8_kb_is_rejected_before_api_gateway_rejects_it() {
        let fits = Policy::allow("ann").context("text", "x".repeat(AUTHORIZER_BYTES - 250));
        assert!(fits.document(ARN).is_ok());
        let large = Policy::allow("ann").context("text", "x".repeat(AUTHORIZER_BYTES));
        assert!(large.document(ARN).unwrap_err().contains("too large"));
    }
}
