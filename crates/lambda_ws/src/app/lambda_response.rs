//! The JSON response of the function.

use crate::error::BoxError;
use crate::response::Response;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// The JSON response of the function. It contains only the members of a proxy response, and no `null` (conformance
/// E4, K3).
#[derive(Debug)]
pub(crate) enum LambdaResponse {
    Proxy {
        status: u16,
        protocol: Option<String>,
        body: Option<String>,
    },
    /// An authorizer's response (conformance B9), or the response to a non-API event.
    Json(Box<RawValue>),
}

impl LambdaResponse {
    pub(super) fn new(response: &Response, body: Option<String>) -> Self {
        let protocol = response.headers.get(SEC_WEBSOCKET_PROTOCOL);
        let protocol = protocol.and_then(|value| value.to_str().ok());
        Self::Proxy {
            // API Gateway treats other statuses as malformed.
            status: match response.status.as_u16() {
                status @ 100..600 => status,
                _ => 500,
            },
            protocol: protocol.map(str::to_owned),
            body,
        }
    }

    pub(super) fn json(value: &impl Serialize) -> Result<Self, BoxError> {
        Ok(Self::Json(to_raw_value(value)?))
    }
}

impl Serialize for LambdaResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Headers<'a> {
            #[serde(rename = "Sec-WebSocket-Protocol")]
            protocol: &'a str,
        }

        let (status, protocol, body) = match self {
            Self::Json(json) => return json.serialize(serializer),
            Self::Proxy {
                status,
                protocol,
                body,
            } => (status, protocol, body),
        };
        let mut reply = serializer.serialize_struct("LambdaResponse", 3)?;
        reply.serialize_field("statusCode", status)?;
        if let Some(protocol) = protocol {
            reply.serialize_field("headers", &Headers { protocol })?;
        }
        if let Some(body) = body {
            reply.serialize_field("body", body)?;
        }
        reply.end()
    }
}
