//! The way from the application to the clients.

use super::shared::Shared;
use crate::ConnectionId;
use crate::error::SendError;
use crate::payload::Payload;
use crate::transport::{Inspection, Transport};
use lambda_ws_protocol::CloseReason;
use std::sync::{Arc, Weak};

const URL: &str = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/test";

/// The way from the application to the clients (conformance G4 to G9).
pub(super) struct Wire(pub(super) Weak<Shared>);

impl Wire {
    fn shared(&self) -> Result<Arc<Shared>, SendError> {
        self.0.upgrade().ok_or(SendError::Gone)
    }
}

impl Transport for Wire {
    async fn post(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        let shared = self.shared()?;
        let (message, now) = (payload.text().to_owned(), shared.now());
        shared.change(|sockets| sockets.push(id, message, now))
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        let shared = self.shared()?;
        let alone = shared.change(|sockets| {
            sockets.close(id, CloseReason::NORMAL)?;
            Ok::<_, SendError>(sockets.under_way == 0)
        })?;
        // Else whoever is under way tells when it ends: a handler does not run within another.
        if alone {
            shared.tell_ends().await;
        }
        Ok(())
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        let shared = self.shared()?;
        let mut sockets = shared.sockets();
        let socket = sockets.open(id)?;
        Ok(Inspection {
            connected_at: socket.connected_at,
            last_active_at: socket.last_active_at,
            source_ip: socket.source_ip.clone(),
            user_agent: socket.user_agent.clone(),
        })
    }

    fn url(&self) -> &str {
        URL
    }
}
