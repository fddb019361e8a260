//! Connections, as the gateway sees them.

use crate::error::SendError;
use crate::{ConnectionId, Timestamp};
use lambda_ws_protocol::CloseReason;
use lambda_ws_protocol::limits::{CONNECTION_DURATION, IDLE_TIMEOUT};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, VecDeque};

/// One connection.
pub(super) struct Socket {
    /// How many connections there were before.
    pub(super) number: usize,
    pub(super) state: State,
    pub(super) connected_at: Timestamp,
    pub(super) last_active_at: Timestamp,
    pub(super) source_ip: String,
    pub(super) user_agent: Option<String>,
    pub(super) authorizer: Option<Box<RawValue>>,
    /// Every message the client was sent.
    pub(super) messages: Vec<String>,
    /// How many of them the test has seen.
    pub(super) seen: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its `$connect` is running.
    Opening,
    Open,
    /// The server closed it.
    Closed(CloseReason),
    /// The client closed it, or was lost.
    Ended,
}

impl Socket {
    /// When it will have been idle for too long, or open for too long.
    fn deadline(&self) -> Timestamp {
        let idle = self.last_active_at + IDLE_TIMEOUT;
        idle.min(self.connected_at + CONNECTION_DURATION)
    }
}

/// The end of a connection, for which the application still gets a `$disconnect`.
pub(super) struct Ended {
    pub(super) id: ConnectionId,
    pub(super) code: u16,
    pub(super) reason: String,
}

/// All connections there ever were.
#[derive(Default)]
pub(super) struct Sockets {
    pub(super) all: BTreeMap<ConnectionId, Socket>,
    pub(super) ended: VecDeque<Ended>,
    /// How many actions are not finished.
    pub(super) under_way: usize,
    /// How many invocations that the application asked itself for are not finished.
    pub(super) tasks: usize,
}

impl Sockets {
    pub(super) fn is_opening(&self, id: &ConnectionId) -> bool {
        self.all.get(id).is_some_and(|s| s.state == State::Opening)
    }

    /// A connection that messages can pass (conformance F9, G7).
    pub(super) fn open(&mut self, id: &ConnectionId) -> Result<&mut Socket, SendError> {
        let socket = self.all.get_mut(id);
        socket
            .filter(|socket| socket.state == State::Open)
            .ok_or(SendError::Gone)
    }

    /// Sends the client a message.
    pub(super) fn push(
        &mut self,
        id: &ConnectionId,
        message: String,
        now: Timestamp,
    ) -> Result<(), SendError> {
        let socket = self.open(id)?;
        socket.messages.push(message);
        socket.last_active_at = now;
        Ok(())
    }

    /// Closes a connection from the server's side.
    pub(super) fn close(
        &mut self,
        id: &ConnectionId,
        closing: CloseReason,
    ) -> Result<(), SendError> {
        self.open(id)?.state = State::Closed(closing);
        self.end(id, closing.code, closing.reason);
        Ok(())
    }

    /// Queues the `$disconnect` of a connection.
    pub(super) fn end(&mut self, id: &ConnectionId, code: u16, reason: &str) {
        self.ended.push_back(Ended {
            id: id.clone(),
            code,
            reason: reason.to_owned(),
        });
    }

    /// When the next connections are closed for being idle or too old, and which, the eldest first.
    pub(super) fn next_deadline(&self) -> Option<(Timestamp, Vec<ConnectionId>)> {
        let open = self.all.iter().filter(|(_, s)| s.state == State::Open);
        let mut open: Vec<_> = open.collect();
        let deadline = open.iter().map(|(_, socket)| socket.deadline()).min()?;
        open.retain(|(_, socket)| socket.deadline() == deadline);
        open.sort_by_key(|(_, socket)| socket.number);
        Some((
            deadline,
            open.into_iter().map(|(id, _)| id.clone()).collect(),
        ))
    }

    /// How the server closed a connection, if it did.
    pub(super) fn closing(&self, id: &ConnectionId) -> Option<CloseReason> {
        match self.all.get(id)?.state {
            State::Closed(closing) => Some(closing),
            State::Opening | State::Open | State::Ended => None,
        }
    }
}
