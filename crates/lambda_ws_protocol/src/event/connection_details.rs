//! The data that all events of a connection share.

use super::identity::{EventShape, Identity};
use super::request::{Pairs, ProxyRequest, RequestContext};
use crate::Timestamp;
use serde_json::value::RawValue;

/// The data that all events of a connection share.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionDetails<'a> {
    /// The id of the API.
    pub api_id: &'a str,
    /// The name of the stage.
    pub stage: &'a str,
    /// The variables of the stage, if it has any.
    pub stage_variables: Option<&'a Pairs>,
    /// The host that the client connected to.
    pub domain_name: &'a str,
    /// The id of the connection.
    pub connection_id: &'a str,
    /// The time of the handshake.
    pub connected_at: Timestamp,
    /// The address and the identity of the client. The shape of this member is the shape of the whole event.
    pub identity: Identity<'a>,
    /// The principal and the context that the authorizer returned.
    pub authorizer: Option<&'a RawValue>,
}

impl<'a> ConnectionDetails<'a> {
    /// Returns an event without headers, query, message and close code.
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
