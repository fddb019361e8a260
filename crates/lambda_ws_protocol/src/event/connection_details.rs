//! What all events of one connection have in common.

use super::identity::{EventShape, Identity};
use super::request::{Pairs, ProxyRequest, RequestContext};
use crate::Timestamp;
use serde_json::value::RawValue;

/// What all events of one connection have in common.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionDetails<'a> {
    /// The API's id.
    pub api_id: &'a str,
    /// The stage's name.
    pub stage: &'a str,
    /// The stage's variables, if it has any.
    pub stage_variables: Option<&'a Pairs>,
    /// The host the client connected to.
    pub domain_name: &'a str,
    /// The connection's id.
    pub connection_id: &'a str,
    /// When the connection was opened.
    pub connected_at: Timestamp,
    /// Where the client is; its shape is that of the whole event.
    pub identity: Identity<'a>,
    /// What the authorizer said of the client.
    pub authorizer: Option<&'a RawValue>,
}

impl<'a> ConnectionDetails<'a> {
    /// A bare event: without headers, query, message and close code.
    pub fn event(
        self,
        route_key: &'a str,
        event_type: &'a str,
        request_id: &'a str,
        now: Timestamp,
    ) -> ProxyRequest<'a> {
        ProxyRequest {
            headers: None,
            multi_value_headers: None,
            query_string_parameters: None,
            multi_value_query_string_parameters: None,
            stage_variables: self.stage_variables,
            request_context: RequestContext {
                route_key,
                authorizer: self.authorizer,
                disconnect_status_code: None,
                message_id: match self.identity.shape {
                    EventShape::Current => None,
                    EventShape::Y2019 => Some(None),
                },
                event_type,
                extended_request_id: request_id,
                request_time: now,
                message_direction: "IN",
                disconnect_reason: None,
                stage: self.stage,
                connected_at: self.connected_at,
                request_time_epoch: now,
                identity: self.identity,
                request_id,
                domain_name: self.domain_name,
                connection_id: self.connection_id,
                api_id: self.api_id,
            },
            body: None,
            is_base64_encoded: false,
        }
    }
}
