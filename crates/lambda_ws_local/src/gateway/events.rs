//! The events of a connection.

use super::api::ApiKey;
use super::authorize::Caller;
use super::connection::{Close, Connection};
use super::http::{Handshake, HttpError};
use super::state::GatewayState;
use crate::activity::{Operation, OperationKind, Outcome};
use bytes::Bytes;
use lambda_ws_protocol::Timestamp;
use lambda_ws_protocol::authorizer::{AuthorizerRequest, IdentitySource, authorizer_headers};
use lambda_ws_protocol::event::{
    ConnectionDetails, EventShape, Identity, ProxyRequest, disconnect_headers,
};
use serde::Serialize;
use std::fmt;
use tokio::time::Instant;

/// A client's attempt to connect, until `$connect` has accepted it.
pub(super) struct ConnectAttempt<'a> {
    pub(super) state: &'a GatewayState,
    pub(super) connection: &'a Connection,
    pub(super) handshake: &'a Handshake,
    pub(super) request_id: &'a str,
    pub(super) now: Timestamp,
}

impl ConnectAttempt<'_> {
    /// Returns the event of an authorizer (conformance B10, C4), or the identity source that the handshake lacks.
    pub(super) fn authorizer_event<'s>(
        &self,
        method_arn: &str,
        sources: &'s [IdentitySource],
    ) -> Result<Bytes, &'s IdentitySource> {
        let connect = self.event();
        let headers = authorizer_headers(&self.handshake.headers);
        let query = self.handshake.query.as_ref();
        let event = AuthorizerRequest {
            r#type: "REQUEST",
            method_arn,
            headers: Some(&headers),
            multi_value_headers: Some(&headers),
            query_string_parameters: query,
            multi_value_query_string_parameters: query,
            stage_variables: connect.stage_variables,
            request_context: connect.request_context,
        };
        match sources.iter().find(|source| !source.is_in(&event)) {
            Some(missing) => Err(missing),
            None => Ok(write(&event, 0)),
        }
    }

    /// Returns the CONNECT event (conformance C1), with the API key if the client needs one (conformance B11).
    pub(super) fn connect_event(&self, api_key: Option<&ApiKey>, caller: Option<&Caller>) -> Bytes {
        let headers = Some(&self.handshake.headers);
        let query = self.handshake.query.as_ref();
        let mut event = self.event();
        event.headers = headers;
        event.multi_value_headers = headers;
        event.query_string_parameters = query;
        event.multi_value_query_string_parameters = query;
        let identity = &mut event.request_context.identity;
        identity.api_key = api_key.map(|key| key.value.as_str());
        identity.api_key_id = api_key.map(|key| key.id.as_str());
        if let Some(caller) = caller {
            caller.identify(identity);
        }
        write(&event, 0)
    }

    fn event(&self) -> ProxyRequest<'_> {
        let (request_id, now) = (self.request_id, self.now);
        event(
            self.state,
            self.connection,
            "$connect",
            "CONNECT",
            request_id,
            now,
        )
    }

    /// Returns the response to a rejected client (conformance B4, B5).
    pub(super) fn http_error(&self, status: u16) -> HttpError {
        HttpError::by_connect(status, self.connection.id.as_str(), self.request_id)
    }

    /// Reports an operation that began at `started`.
    pub(super) fn observe(
        &self,
        kind: OperationKind,
        route: &str,
        outcome: Outcome,
        detail: Option<&dyn fmt::Display>,
        started: Instant,
    ) {
        self.state.observe(Operation {
            kind,
            route,
            connection_id: self.connection.id.as_str(),
            request_id: self.request_id,
            outcome,
            detail,
            duration: started.elapsed(),
        });
    }
}

/// Returns the MESSAGE event (conformance C2).
pub(super) fn message(
    state: &GatewayState,
    connection: &Connection,
    route: &str,
    body: &str,
    request_id: &str,
    now: Timestamp,
) -> Bytes {
    let message_id = state.new_id();
    let mut event = event(state, connection, route, "MESSAGE", request_id, now);
    event.body = Some(body);
    event.request_context.message_id = Some(Some(&message_id));
    write(&event, body.len())
}

/// Returns the DISCONNECT event with its four unusual headers (conformance C3).
pub(super) fn disconnect(
    state: &GatewayState,
    connection: &Connection,
    close: &Close,
    request_id: &str,
    now: Timestamp,
) -> Bytes {
    let headers = disconnect_headers(&connection.host);
    let key = "$disconnect";
    let mut event = event(state, connection, key, "DISCONNECT", request_id, now);
    event.headers = Some(&headers);
    event.multi_value_headers = Some(&headers);
    if state.options.event_shape == EventShape::Current {
        event.request_context.disconnect_status_code = Some(close.code);
        event.request_context.disconnect_reason = Some(&close.reason);
    }
    write(&event, 0)
}

/// Returns the common part of the three kinds.
fn event<'a>(
    state: &'a GatewayState,
    connection: &'a Connection,
    route_key: &'a str,
    event_type: &'a str,
    request_id: &'a str,
    now: Timestamp,
) -> ProxyRequest<'a> {
    let origin = ConnectionDetails {
        api_id: &state.api_id,
        stage: &state.stage,
        stage_variables: state.stage_variables.as_ref(),
        domain_name: &connection.host,
        connection_id: connection.id.as_str(),
        connected_at: connection.connected_at,
        identity: Identity {
            user_agent: connection.user_agent.as_deref(),
            source_ip: &connection.source_ip,
            shape: state.options.event_shape,
            ..Identity::default()
        },
        authorizer: connection.authorizer.as_deref(),
    };
    origin.event(route_key, event_type, request_id, now)
}

fn write(event: &impl Serialize, body: usize) -> Bytes {
    // Enough for most events, so that the buffer does not grow in steps.
    let mut json = Vec::with_capacity(1024 + body);
    serde_json::to_writer(&mut json, event)
        .expect("strings, numbers and string keys are always JSON");
    json.into()
}
