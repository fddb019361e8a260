//! The events a connection causes, as its function reads them.

use super::close::Close;
use super::connection::Connection;
use super::shared::Shared;
use bytes::Bytes;
use lambda_ws::Timestamp;
use lambda_ws::wire::{Identity, Pairs, ProxyRequest, RequestContext, disconnect_headers};

/// The CONNECT event (conformance C1).
pub(super) fn connect(
    shared: &Shared,
    connection: &Connection,
    headers: &Pairs,
    query: Option<&Pairs>,
    request_id: &str,
    now: Timestamp,
) -> Bytes {
    write(&ProxyRequest {
        headers: Some(headers),
        multi_value_headers: Some(headers),
        query_string_parameters: query,
        multi_value_query_string_parameters: query,
        ..event(shared, connection, "$connect", "CONNECT", request_id, now)
    })
}

/// The MESSAGE event (conformance C2).
pub(super) fn message(
    shared: &Shared,
    connection: &Connection,
    route: &str,
    body: &str,
    request_id: &str,
    now: Timestamp,
) -> Bytes {
    let message_id = shared.new_id();
    let mut event = event(shared, connection, route, "MESSAGE", request_id, now);
    event.body = Some(body);
    event.request_context.message_id = Some(&message_id);
    write(&event)
}

/// The DISCONNECT event with its four odd headers (conformance C3).
pub(super) fn disconnect(
    shared: &Shared,
    connection: &Connection,
    close: &Close,
    request_id: &str,
    now: Timestamp,
) -> Bytes {
    let headers = disconnect_headers(&connection.host);
    let mut event = event(
        shared,
        connection,
        "$disconnect",
        "DISCONNECT",
        request_id,
        now,
    );
    event.headers = Some(&headers);
    event.multi_value_headers = Some(&headers);
    event.request_context.disconnect_status_code = Some(close.code);
    event.request_context.disconnect_reason = Some(&close.reason);
    write(&event)
}

/// What the three kinds have in common.
fn event<'a>(
    shared: &'a Shared,
    connection: &'a Connection,
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
        stage_variables: shared.stage_variables.as_ref(),
        request_context: RequestContext {
            route_key,
            authorizer: None,
            disconnect_status_code: None,
            message_id: None,
            event_type,
            extended_request_id: request_id,
            request_time: now,
            message_direction: "IN",
            disconnect_reason: None,
            stage: &shared.stage,
            connected_at: connection.connected_at,
            request_time_epoch: now,
            identity: Identity {
                user_agent: connection.user_agent.as_deref(),
                source_ip: &connection.source_ip,
            },
            request_id,
            domain_name: &connection.host,
            connection_id: connection.id.as_str(),
            api_id: &shared.api_id,
        },
        body: None,
        is_base64_encoded: false,
    }
}

fn write(event: &ProxyRequest<'_>) -> Bytes {
    let json = serde_json::to_vec(event).expect("strings, numbers and string keys are always JSON");
    json.into()
}
