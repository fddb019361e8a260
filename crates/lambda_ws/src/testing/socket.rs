//! The connections of the gateway.

use crate::error::SendError;
use crate::{ConnectionId, Timestamp};
use lambda_ws_protocol::CloseReason;
use lambda_ws_protocol::limits::{CONNECTION_DURATION, IDLE_TIMEOUT};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, VecDeque};

pub(super) struct Socket {
    pub(super) number: usize,
    pub(super) state: State,
    pub(super) connected_at: Timestamp,
    pub(super) last_active_at: Timestamp,
    pub(super) source_ip: String,
    pub(super) user_agent: Option<String>,
    pub(super) authorizer: Option<Box<RawValue>>,
    pub(super) messages: Vec<String>,
    /// The number of messages that the test has received.
    pub(super) seen: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Opening,
    Open,
    Closed(CloseReason),
    /// The client closed it, or was lost.
    Ended,
}

impl Socket {
    /// Returns the time when it is closed for being idle or too old.
    fn deadline(&self) -> Timestamp {
        let idle = self.last_active_at + IDLE_TIMEOUT;
        idle.min(self.connected_at + CONNECTION_DURATION)
    }
}

/// An ended connection whose `$disconnect` is outstanding.
pub(super) struct Ended {
    pub(super) id: ConnectionId,
    pub(super) code: u16,
    pub(super) reason: String,
}

#[derive(Default)]
pub(super) struct Sockets {
    pub(super) all: BTreeMap<ConnectionId, Socket>,
    pub(super) ended: VecDeque<Ended>,
    pub(super) under_way: usize,
    pub(super) tasks: usize,
}

impl Sockets {
    pub(super) fn is_opening(&self, id: &ConnectionId) -> bool {
        self.all.get(id).is_some_and(|s| s.state == State::Opening)
    }

    /// Returns a connection that is open for messages (conformance F9, G7).
    pub(super) fn open(&mut self, id: &ConnectionId) -> Result<&mut Socket, SendError> {
        let socket = self.all.get_mut(id);
        socket
            .filter(|socket| socket.state == State::Open)
            .ok_or(SendError::Gone)
    }

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

    pub(super) fn close(
        &mut self,
        id: &ConnectionId,
        closing: CloseReason,
    ) -> Result<(), SendError> {
        self.open(id)?.state = State::Closed(closing);
        self.end(id, closing.code, closing.reason);
        Ok(())
    }

    pub(super) fn end(&mut self, id: &ConnectionId, code: u16, reason: &str) {
        self.ended.push_back(Ended {
            id: id.clone(),
            code,
            reason: reason.to_owned(),
        });
    }

    /// Returns the next time when connections become idle or too old, and these connections, the oldest first.
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

    pub(super) fn closing(&self, id: &ConnectionId) -> Option<CloseReason> {
        match self.all.get(id)?.state {
            State::Closed(closing) => Some(closing),
            State::Opening | State::Open | State::Ended => None,
        }
    }
}
