//! The open connections.

use super::Call;
use super::reply::{AdminError, Reply};
use crate::gateway::{Gateway, Snapshot};
use lambda_ws_protocol::event::iso8601;
use serde_json::{Value, json};

/// The default and the maximum number of connections per page.
const PAGE: usize = 100;
const LONGEST_PAGE: usize = 1000;

pub(super) fn list(gateway: &Gateway, call: &Call) -> Result<Reply, AdminError> {
    let limit = match call.parameter("limit").map(|limit| limit.parse()) {
        None => PAGE,
        Some(Ok(limit @ 1..=LONGEST_PAGE)) => limit,
        Some(_) => {
            return Err(AdminError::bad(
                "`limit` is not valid: expected a number from 1 to 1000",
            ));
        }
    };
    let after = call.parameter("after");
    // One more shows whether there is another page.
    let mut page = gateway.snapshots(after.as_deref(), limit + 1);
    let next = (page.len() > limit).then(|| page[limit - 1].id.to_string());
    page.truncate(limit);
    let connections: Vec<Value> = page.iter().map(show).collect();
    Ok(Reply::json(json!({
        "connections": connections,
        "count": gateway.connections(),
        // The value of `?after=` for the next page.
        "next": next,
    })))
}

fn show(connection: &Snapshot) -> Value {
    json!({
        "id": connection.id.as_str(),
        "connectedAt": iso8601(connection.connected_at),
        "lastActiveAt": iso8601(connection.last_active_at),
        "sourceIp": connection.source_ip,
        "userAgent": connection.user_agent,
    })
}
