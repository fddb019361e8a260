//! The stage that a sender reaches.

use super::Sender;
use crate::error::SendError;
use crate::store::Record;
use std::sync::Once;
use tracing::warn;

impl Sender {
    /// The error of a connection that belongs to another stage than this sender reaches, if it does. API Gateway calls
    /// it gone (410) here, and another attempt is answered in the same way.
    pub(super) fn other_stage(&self, record: &Record) -> Option<SendError> {
        static WARNED: Once = Once::new();

        let own = self.api().filter(|own| *own != record.api)?;
        WARNED.call_once(|| {
            warn!(
                own,
                other = record.api,
                "two stages share a table of connections, and each message tries the members of both: give each \
                 stage a CONNECTIONS_TABLE of its own"
            );
        });
        let api = record.api.clone();
        Some(SendError::OtherStage { api })
    }
}
