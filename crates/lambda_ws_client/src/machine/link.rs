//! One connection and its rooms.

use super::STABLE;
use crate::protocol::Position;
use crate::room::{Millis, NEVER};

/// What a connection knows of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// The application is asked for a token.
    Asking,
    /// The subscription failed and is tried again later.
    Waiting,
    Joining,
    Joined,
    Leaving,
    /// Leaving failed and is tried again later.
    Staying,
}

/// A room on one connection.
#[derive(Debug)]
pub(super) struct Member {
    /// Identifies the member, as long as it is in the same subscription.
    pub(super) serial: u64,
    /// The key of the room.
    pub(super) room: u64,
    pub(super) name: String,
    pub(super) status: Status,
    /// The deadline of the answer, or the time of the next try.
    pub(super) due: Millis,
    pub(super) ask: u64,
    /// Whether its token comes from the application.
    pub(super) has_asked: bool,
    /// The id of the frame that has no answer yet.
    pub(super) id: Option<u64>,
    pub(super) since: Option<Position>,
    /// The attempts to leave that failed.
    pub(super) failures: u32,
}

/// A `$ping` without an answer.
#[derive(Debug)]
pub(super) struct Ping {
    pub(super) id: u64,
    pub(super) due: Millis,
    /// The members whose positions were sent.
    pub(super) sent: Vec<(u64, Position)>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) socket: u64,
    pub(super) open: bool,
    /// The deadline of the handshake, or of a retired connection.
    pub(super) due: Millis,
    pub(super) opened_at: Millis,
    pub(super) replace_at: Millis,
    /// The attempts to replace it that failed.
    pub(super) failures: u32,
    pub(super) ping_at: Millis,
    pub(super) ping: Option<Ping>,
    pub(super) members: Vec<Member>,
    serials: u64,
}

impl Link {
    pub(super) fn new(socket: u64, due: Millis) -> Self {
        Self {
            socket,
            open: false,
            due,
            opened_at: 0,
            replace_at: NEVER,
            failures: 0,
            ping_at: NEVER,
            ping: None,
            members: Vec::new(),
            serials: 0,
        }
    }

    /// Returns whether it has been open for long enough to forget the failures before it.
    pub(super) fn is_stable(&self, now: Millis) -> bool {
        self.open && now - self.opened_at >= STABLE
    }

    pub(super) fn add(
        &mut self,
        room: u64,
        name: &str,
        status: Status,
        due: Millis,
    ) -> &mut Member {
        self.serials += 1;
        self.members.push(Member {
            serial: self.serials,
            room,
            name: name.to_owned(),
            status,
            due,
            ask: 0,
            has_asked: false,
            id: None,
            since: None,
            failures: 0,
        });
        self.members.last_mut().expect("it was just added")
    }

    pub(super) fn get(&mut self, serial: u64) -> Option<&mut Member> {
        self.members.iter_mut().find(|m| m.serial == serial)
    }

    pub(super) fn remove(&mut self, serial: u64) -> Option<Member> {
        let index = self.members.iter().position(|m| m.serial == serial)?;
        Some(self.members.remove(index))
    }

    /// Notes that the subscription of a member has begun, which makes it a new member.
    pub(super) fn joined(&mut self, serial: u64) {
        self.serials += 1;
        let fresh = self.serials;
        if let Some(member) = self.get(serial) {
            member.serial = fresh;
            member.status = Status::Joined;
            member.due = NEVER;
            member.id = None;
            member.since = None;
        }
    }

    pub(super) fn asking(&mut self, ask: u64) -> Option<&mut Member> {
        let mut members = self.members.iter_mut();
        members.find(|m| m.status == Status::Asking && m.ask == ask)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }

    pub(super) fn is_joined(&self, name: &str) -> bool {
        let mut members = self.members.iter();
        members.any(|member| member.name == name && member.status == Status::Joined)
    }
}
