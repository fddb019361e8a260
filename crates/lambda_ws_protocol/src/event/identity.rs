//! Where a client is, in the shape of the year.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The shape of events, which the service has changed once (conformance C1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EventShape {
    /// As the service writes them now: what there is not is absent.
    #[default]
    Current,
    /// As the service wrote them in 2019: `identity` has twelve members, most of them `null`, and every
    /// event has a `messageId`, which is `null` where there is no message.
    Y2019,
}

/// Where a client is, and who signed its handshake.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity<'a> {
    /// The API key the client came with; only in CONNECT, of an API that demands one (conformance B11).
    pub api_key: Option<&'a str>,
    /// The id of that key.
    pub api_key_id: Option<&'a str>,
    /// The ARN of who signed it. Like the account, the caller, the access key and the user it is there for
    /// an `AWS_IAM` handshake (conformance B9), in its CONNECT event alone.
    pub user_arn: Option<&'a str>,
    /// What the client says it is, if it says so.
    pub user_agent: Option<&'a str>,
    /// The account of who signed it.
    pub account_id: Option<&'a str>,
    /// The principal id of who signed it.
    pub caller: Option<&'a str>,
    /// The client's address, IPv4 or IPv6.
    pub source_ip: &'a str,
    /// The access key it was signed with.
    pub access_key: Option<&'a str>,
    /// The principal id once more.
    pub user: Option<&'a str>,
    /// Which members are written.
    pub shape: EventShape,
}

/// All members, in their order.
const MEMBERS: [&str; 12] = [
    "cognitoIdentityPoolId",
    "cognitoIdentityId",
    "principalOrgId",
    "cognitoAuthenticationType",
    "userArn",
    "userAgent",
    "accountId",
    "caller",
    "sourceIp",
    "accessKey",
    "cognitoAuthenticationProvider",
    "user",
];

impl Serialize for Identity<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let keys = [("apiKey", self.api_key), ("apiKeyId", self.api_key_id)];
        for (name, value) in keys {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        for name in MEMBERS {
            let value = match name {
                "userArn" => self.user_arn,
                "userAgent" => self.user_agent,
                "accountId" => self.account_id,
                "caller" => self.caller,
                "sourceIp" => Some(self.source_ip),
                "accessKey" => self.access_key,
                "user" => self.user,
                _ => None,
            };
            if value.is_some() || self.shape == EventShape::Y2019 {
                map.serialize_entry(name, &value)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(user_agent: Option<&str>, shape: EventShape) -> String {
        let identity = Identity {
            user_agent,
            source_ip: "::1",
            shape,
            ..Identity::default()
        };
        serde_json::to_string(&identity).unwrap()
    }

    #[test]
    fn c1_an_identity_has_what_there_is_and_in_2019_twelve_members() {
        let current = EventShape::Current;
        assert_eq!(json(None, current), r#"{"sourceIp":"::1"}"#);
        assert_eq!(
            json(Some("wscat"), current),
            r#"{"userAgent":"wscat","sourceIp":"::1"}"#
        );
        insta::assert_snapshot!(
            json(None, EventShape::Y2019),
            @r#"{"cognitoIdentityPoolId":null,"cognitoIdentityId":null,"principalOrgId":null,"cognitoAuthenticationType":null,"userArn":null,"userAgent":null,"accountId":null,"caller":null,"sourceIp":"::1","accessKey":null,"cognitoAuthenticationProvider":null,"user":null}"#
        );
        let with_agent: serde_json::Value =
            serde_json::from_str(&json(Some("wscat"), EventShape::Y2019)).unwrap();
        let members = with_agent.as_object().unwrap();
        let nulls = members.values().filter(|value| value.is_null()).count();
        assert_eq!((members.len(), nulls), (12, 10));
    }
}
