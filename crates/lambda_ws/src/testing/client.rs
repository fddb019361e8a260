//! A client of the gateway.

use super::shared::{Handle, Shared};
use super::socket::State;
use crate::ConnectionId;
use crate::error::SendError;
use crate::payload::IntoPayload;
use lambda_ws_protocol::limits::{FRAME_BYTES, MESSAGE_BYTES};
use lambda_ws_protocol::{
    CloseReason,
    response::{ErrorFrame, error_frame},
};
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::panic::Location;
use std::sync::Arc;

/// A connected client of a [`Gateway`](super::Gateway).
///
/// Dropping it does not close the connection; [`Client::close`] does.
pub struct Client {
    handle: Handle,
    id: ConnectionId,
    protocol: Option<String>,
}

impl Client {
    pub(super) fn new(handle: Handle, id: ConnectionId, protocol: Option<String>) -> Self {
        Self {
            handle,
            id,
            protocol,
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// Returns the connection's id.
    pub fn id(&self) -> &ConnectionId {
        &self.id
    }

    /// Returns the sub-protocol that `$connect` selected.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Sends a message and waits until the application has handled it. An error frame arrives as a message, as on AWS.
    ///
    /// The message is one frame, as from a browser: over 32 KB the connection is closed with 1009 (conformance F2).
    ///
    /// # Panics
    ///
    /// If the connection is closed, or the message cannot be encoded as JSON.
    #[track_caller]
    pub fn send(&self, message: impl IntoPayload) -> impl Future<Output = ()> + Send {
        let caller = Location::caller();
        let text = match message.into_payload() {
            Ok(payload) => Some(payload.text().to_owned()),
            Err(SendError::TooLarge) => None,
            Err(error) => panic!("the message cannot be sent: {error:?}"),
        };
        let text = text.filter(|text| text.len() <= FRAME_BYTES);
        async move {
            let shared = self.shared();
            let _action = shared.action();
            if shared.sockets().open(&self.id).is_err() {
                panic!("{caller}: {} cannot send: {}", self.id, self.story());
            }
            match text {
                Some(text) => self.deliver(&text).await,
                // The connection was open before this message.
                None => {
                    let _ = shared.change(|sockets| sockets.close(&self.id, CloseReason::TOO_BIG));
                }
            }
            shared.send_disconnects().await;
        }
    }

    /// Sends a binary message: the connection is closed with 1003 (conformance F1).
    pub async fn send_binary(&self) {
        let shared = self.shared();
        let _action = shared.action();
        let _ = shared.change(|sockets| sockets.close(&self.id, CloseReason::UNSUPPORTED));
        shared.send_disconnects().await;
    }

    /// Invokes the route of a message (conformance D2 to D4, E1 to E5).
    async fn deliver(&self, text: &str) {
        let (shared, api) = (self.shared(), &self.handle.api);
        let (request_id, now) = (shared.new_id(), shared.now());
        let answer = |message: String| {
            let now = shared.now();
            // The client may have disconnected meanwhile.
            let _ = shared.change(|sockets| sockets.push(&self.id, message, now));
        };
        let fail = |error| answer(error_frame(error, self.id.as_str(), &request_id));
        shared.change(|sockets| {
            if let Ok(socket) = sockets.open(&self.id) {
                socket.last_active_at = now;
            }
        });
        let exists = |key: &str| api.routes.contains_key(key);
        let Some(key) = api.expression.route_key(text, exists) else {
            return fail(ErrorFrame::Forbidden);
        };
        let (client, message_id) = (shared.client(&self.id), shared.new_id());
        let mut event = client.event(&key, "MESSAGE", &request_id, now);
        event.request_context.message_id = Some(Some(&message_id));
        event.body = Some(text);
        let two_way = api.routes.get(&key).copied().unwrap_or(false);
        match shared.invoke(&event).await {
            Ok(response) if two_way => match response.body.unwrap_or_default() {
                body if body.len() <= MESSAGE_BYTES => answer(body),
                _ => fail(ErrorFrame::InternalServerError),
            },
            Ok(_) => {}
            Err(error) => fail(error),
        }
    }

    /// Returns the next message.
    ///
    /// It waits only during concurrent actions, as in `tokio::join!(ann.send(..), bob.recv())`.
    ///
    /// # Panics
    ///
    /// If there is no message. The panic lists the earlier messages.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = String> + Send {
        let caller = Location::caller();
        async move {
            match self.next().await {
                Some(message) => message,
                None => panic!("{caller}: {} has no message: {}", self.id, self.story()),
            }
        }
    }

    /// Returns the next message, read as JSON.
    ///
    /// # Panics
    ///
    /// If there is no message, or it is not a valid `T`.
    #[track_caller]
    pub fn recv_json<T: DeserializeOwned>(&mut self) -> impl Future<Output = T> + Send {
        let caller = Location::caller();
        let message = self.recv();
        async move {
            let message = message.await;
            let json = serde_json::from_str(&message);
            json.unwrap_or_else(|error| panic!("{caller}: {error} in the message {message}"))
        }
    }

    /// Returns the next message, if there is one.
    pub fn try_recv(&mut self) -> Option<String> {
        self.shared().change(|sockets| {
            let socket = sockets.all.get_mut(&self.id)?;
            let message = socket.messages.get(socket.seen).cloned()?;
            socket.seen += 1;
            Some(message)
        })
    }

    /// Returns all messages since the last one that was received.
    pub fn recv_all(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.try_recv()).collect()
    }

    async fn next(&mut self) -> Option<String> {
        if self.shared().sockets().under_way == 0 {
            // A concurrent task may be about to start.
            tokio::task::yield_now().await;
        }
        let (shared, id) = (self.shared().clone(), self.id.clone());
        let waited = shared.wait_until(|sockets| {
            let socket = sockets.all.get(&id);
            sockets.under_way == 0 || socket.is_none_or(|s| s.messages.len() > s.seen)
        });
        waited.await;
        self.try_recv()
    }

    /// Returns the messages and the close of the connection, for the texts of panics.
    fn story(&self) -> String {
        let sockets = self.shared().sockets();
        let messages = sockets.all.get(&self.id).map(|socket| &*socket.messages);
        let mut story = match messages.unwrap_or_default() {
            [] => "it never received a message".to_owned(),
            messages => format!("it received {messages:#?}"),
        };
        if let Some(closing) = sockets.closing(&self.id) {
            let CloseReason { code, reason, .. } = closing;
            let _ = write!(story, "; it was closed with {code} `{reason}`");
        }
        story
    }

    /// Returns the code and the reason of a close by the server: 1000 by the application, 1001 idle or too old, 1003
    /// after a binary message, 1009 after a frame over 32 KB.
    pub fn closed(&self) -> Option<(u16, &'static str)> {
        let closing = self.shared().sockets().closing(&self.id)?;
        Some((closing.code, closing.reason))
    }

    /// Closes the connection without a code, as `socket.close()` does, and waits for `$disconnect`.
    pub async fn close(self) {
        let CloseReason { code, reason, .. } = CloseReason::NO_STATUS;
        self.close_with(code, reason).await;
    }

    /// Closes the connection with a code and a reason, and waits for `$disconnect`.
    pub async fn close_with(self, code: u16, reason: &str) {
        let shared = self.shared();
        let _action = shared.action();
        shared.change(|sockets| {
            if let Ok(socket) = sockets.open(&self.id) {
                socket.state = State::Ended;
                sockets.end(&self.id, code, reason);
            }
        });
        shared.send_disconnects().await;
    }

    /// Drops the connection without a `$disconnect`, as a lost client (conformance K4).
    pub fn drop_silently(self) {
        self.shared().change(|sockets| {
            if let Ok(socket) = sockets.open(&self.id) {
                socket.state = State::Ended;
            }
        });
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
