//! The `identity` member of events.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The shape of events. The service has changed it once (conformance C1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventShape {
    /// The current shape. Members without a value are absent.
    #[default]
    Current,
    /// The shape of 2019. `identity` has twelve members, most of them `null`. Every event has a `messageId`. It is
    /// `null` in events without a message.
    Y2019,
}

/// The address of a client, its API key and the signer of its handshake.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity<'a> {
    /// The API key of the client. Present only in CONNECT events of APIs that require a key (conformance B11).
    pub api_key: Option<&'a str>,
    /// The id of the API key.
    pub api_key_id: Option<&'a str>,
    /// The ARN of the signer. Like the account, the caller, the access key and the user, it is present only in the
    /// CONNECT event of an `AWS_IAM` handshake (conformance B9).
    pub user_arn: Option<&'a str>,
    /// The `User-Agent` header of the handshake.
    pub user_agent: Option<&'a str>,
    /// The account of the signer.
    pub account_id: Option<&'a str>,
    /// The principal id of the signer.
    pub caller: Option<&'a str>,
    /// The IPv4 or IPv6 address of the client.
    pub source_ip: &'a str,
    /// The access key of the signature.
    pub access_key: Option<&'a str>,
    /// The principal id of the signer, like `caller`.
    pub user: Option<&'a str>,
    /// The shape that determines the written members.
    pub shape: EventShape,
}

/// The twelve members in the order of the service.
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
    fn c1_an_identity_omits_absent_members_and_has_twelve_in_the_shape_of_2019() {
        let current = EventShape::Current;
        assert_eq!(json(None, current), r#"{"sourceIp":"::1"}"#);
        let expected = r#"{"userAgent":"wscat","sourceIp":"::1"}"#;
        assert_eq!(json(Some("wscat"), current), expected);
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
