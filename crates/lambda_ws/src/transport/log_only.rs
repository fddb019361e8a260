//! Messages that go nowhere.

use super::{Inspection, Transport};
use crate::ConnectionId;
use crate::error::SendError;
use crate::payload::Payload;
use tracing::info;

/// Logs what it is asked, and sends nothing: under `sam local`, which has no websockets but passes
/// the developer's real credentials.
pub(crate) struct LogOnly;

impl Transport for LogOnly {
    async fn post(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        info!(to = %id, bytes = payload.bytes().len(), "not sent: there is no websocket here");
        Ok(())
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        info!(connection = %id, "not closed: there is no websocket here");
        Ok(())
    }

    async fn inspect(&self, _: &ConnectionId) -> Result<Inspection, SendError> {
        Ok(Inspection::default())
    }

    fn url(&self) -> &str {
        "log:"
    }
}
