//! The operations of the management API on one connection: post, inspect, delete.

use super::error::CallError;
use crate::faults::{Kind, Place};
use crate::gateway::connection::{Close, Connection, PushError};
use crate::gateway::http::JSON;
use crate::gateway::options::Fault;
use crate::gateway::state::GatewayState;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use http_body_util::Full;
use lambda_ws_protocol::event::{is_id, iso8601};
use lambda_ws_protocol::limits::MESSAGE_BYTES;
use std::sync::Arc;

/// Checks the rate limit (conformance G11) and the id of a call.
fn check(state: &GatewayState, id: &str) -> Result<(), CallError> {
    match state.options.throttle.call() {
        false => Err(CallError::TooFast),
        true if !is_id(id) => Err(CallError::BadId),
        true => Ok(()),
    }
}

/// Checks a call and returns its open connection. During its `$connect` a connection is not open yet (conformance G7).
fn find(state: &GatewayState, id: &str) -> Result<Arc<Connection>, CallError> {
    check(state, id)?;
    state.connections.find(id).ok_or(CallError::Gone)
}

/// Queues data for a client, after earlier posts.
pub(super) fn post(state: &GatewayState, id: &str, data: Bytes) -> Result<(), CallError> {
    check(state, id)?;
    if data.len() > MESSAGE_BYTES {
        return Err(CallError::TooLarge);
    }
    // Conformance F4.
    if std::str::from_utf8(&data).is_err() {
        return Err(CallError::NotText);
    }
    let connection = state.connections.find(id).ok_or(CallError::Gone)?;
    fail_on_purpose(state, id, &connection)?;
    let pushed = connection.outbox.push(data, state.outbox_bounds());
    pushed.map_err(|reason| match reason {
        PushError::Closed => CallError::Gone,
        PushError::Full => CallError::Full,
    })?;
    connection.touch(state.now());
    Ok(())
}

/// Posts for the console, which does not sign. Returns the status.
pub(crate) fn post_unsigned(state: &GatewayState, id: &str, data: Bytes) -> u16 {
    let posted = post(state, id, data);
    posted.map_or_else(|error| error.http_error(id).status, |()| 200)
}

/// Deletes for the console. Returns the status.
pub(crate) fn delete_unsigned(state: &GatewayState, id: &str) -> u16 {
    delete(state, id).map_or_else(
        |error| error.http_error(id).status,
        |answer| answer.status().as_u16(),
    )
}

/// Describes a connection (conformance G5, G10).
pub(super) fn inspect(state: &GatewayState, id: &str) -> Result<Response<Full<Bytes>>, CallError> {
    let connection = find(state, id)?;
    let body = serde_json::json!({
        "connectedAt": iso8601(connection.connected_at),
        "identity": {
            "sourceIp": &*connection.source_ip,
            "userAgent": connection.user_agent.as_deref(),
        },
        "lastActiveAt": iso8601(connection.last_active()),
    });
    let mut response = Response::new(Full::from(body.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    Ok(response)
}

/// Fails a POST or a DELETE to an open connection, if the options inject a fault.
fn fail_on_purpose(
    state: &GatewayState,
    id: &str,
    connection: &Connection,
) -> Result<(), CallError> {
    let faults = &state.options.faults;
    if let Some(kind) = faults.first(Place::Gateway, &[Kind::Gone, Kind::FalseGone]) {
        if kind == Kind::Gone {
            connection.outbox.request_close(Close::LOST);
        }
        return Err(CallError::on_purpose(kind));
    }
    let script = state.options.script.as_ref();
    match script.and_then(|script| script(id)) {
        Some(Fault::Gone) => Err(CallError::Gone),
        Some(Fault::Throttled) => Err(CallError::TooFast),
        Some(Fault::Failing) => Err(CallError::Failing),
        None => Ok(()),
    }
}

/// Closes a connection (conformance G9).
pub(super) fn delete(state: &GatewayState, id: &str) -> Result<Response<Full<Bytes>>, CallError> {
    let connection = find(state, id)?;
    fail_on_purpose(state, id, &connection)?;
    if !connection.outbox.request_close(Close::NORMAL) {
        return Err(CallError::Gone);
    }
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
