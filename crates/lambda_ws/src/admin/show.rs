//! Shows one connection.

use super::{ClientState, Details, Show, Shown};
use crate::error::{BoxError, chain};
use crate::sender::Sender;
use serde_json::value::{RawValue, to_raw_value};

/// Returns the record of a connection, and its state in API Gateway.
pub(super) async fn show(sender: &Sender, show: &Show) -> Result<Shown, BoxError> {
    let found = sender
        .store()
        .record(&show.connection, sender.now())
        .await?;
    let Some(record) = found else {
        return Ok(Shown { connection: None });
    };
    let (client, client_error) = match sender.inspect(&record.id).await {
        Ok(found) => {
            let state = ClientState {
                last_active_at: found.last_active_at,
                source_ip: found.source_ip,
                user_agent: found.user_agent,
            };
            (Some(state), None)
        }
        // The record is useful without it.
        Err(error) => (None, Some(chain(&error))),
    };
    let session_bytes = record.session.as_ref().map_or(0, String::len);
    let session = record.session.filter(|_| show.session).map(json);
    Ok(Shown {
        connection: Some(Details {
            connection: record.id,
            user: record.user,
            rooms: record.rooms.into_iter().collect(),
            connected_at: record.at,
            expires: record.expires,
            api: record.api,
            gone: record.gone,
            session_bytes,
            session: session.transpose()?,
            client,
            client_error,
        }),
    })
}

/// Returns a session as JSON, or as a JSON string if a store of the application returned other text.
fn json(session: String) -> Result<Box<RawValue>, BoxError> {
    match serde_json::from_str::<&RawValue>(&session) {
        Ok(json) => Ok(json.to_owned()),
        Err(_) => Ok(to_raw_value(&session)?),
    }
}
