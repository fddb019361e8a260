//! The state machine of a client: inputs go in, effects come out. It has no timers, sockets or callbacks of its own, so
//! tests can run it in virtual time. `client::run` carries the effects out.

mod frames;
mod link;
#[cfg(test)]
mod tests;

use crate::error::{BoxError, Error};
use crate::protocol::{Json, Position};
use crate::room::{Millis, NEVER, Room, RoomEffect};
use link::{Link, Ping, Status};
use serde_json::{Value, json};
use std::collections::VecDeque;

const ANSWER: Millis = 10_000;
const STABLE: Millis = 10_000;
const DRAIN: Millis = 30_000;

/// The settings of a machine.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) min_backoff: Millis,
    pub(crate) max_backoff: Millis,
    pub(crate) keep_alive: Millis,
    /// An attempt, or an answer of the application, that takes longer has failed.
    pub(crate) connect_timeout: Millis,
    pub(crate) max_age: Millis,
    pub(crate) queue_size: usize,
    pub(crate) queue_drops: QueueDrops,
}

/// The message that fails if the queue of a client without a connection is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueDrops {
    /// The message that does not fit.
    #[default]
    Newest,
    /// The message that has waited for the longest time.
    Oldest,
}

/// The state of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// The client opens a connection.
    Connecting,
    /// A connection is open.
    Open,
    /// The client waits for its next attempt.
    Waiting,
    /// The client is closed for good.
    Closed,
}

/// A message of the application.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) key: u64,
    pub(crate) text: String,
    /// A request has an id.
    pub(crate) id: Option<u64>,
    /// How long a request waits for its reply.
    pub(crate) timeout: Option<Millis>,
    /// Whether it is sent again after a reconnect.
    pub(crate) safe: bool,
    due: Millis,
    /// The socket that carries the request.
    socket: u64,
}

impl Call {
    pub(crate) fn new(key: u64, text: String) -> Self {
        Self {
            key,
            text,
            id: None,
            timeout: None,
            safe: false,
            due: NEVER,
            socket: 0,
        }
    }
}

/// The token of a room.
#[derive(Debug, Clone)]
pub(crate) enum Token {
    None,
    Fixed(String),
    /// The application is asked for one before each `$subscribe`.
    Asked,
}

/// A room that the application wants.
#[derive(Debug)]
struct Wanted {
    key: u64,
    name: String,
    token: Token,
    room: Room,
}

/// What is to be done. Rooms and calls are named by the keys that the caller chose, sockets by numbers.
#[derive(Debug)]
pub(crate) enum Effect {
    Connect(u64),
    Disconnect(u64),
    Send(u64, String),
    /// Asks the application for the token of a room. [`Machine::token`] takes it with the same number.
    Ask {
        room: u64,
        ask: u64,
    },
    Subscribed {
        room: u64,
        position: Option<Position>,
        recovered: bool,
    },
    Room(u64, RoomEffect),
    /// A subscription failed, and is tried again.
    Refused(u64, Error),
    Ended(u64, Option<Error>),
    Settled(u64, Result<Value, Error>),
    /// A message of the application.
    App(String),
    /// A frame without `$id` failed.
    Error(Error),
}

/// The state machine of a client.
pub(crate) struct Machine {
    pub(crate) state: State,
    /// Connections that failed or closed since one was open for 10 s.
    pub(crate) attempts: u32,
    pub(crate) last_error: Option<Error>,
    /// The time at which [`tick`](Self::tick) must be called.
    pub(crate) deadline: Millis,
    settings: Settings,
    random: Box<dyn FnMut() -> f64 + Send>,
    now: Millis,
    effects: Vec<Effect>,
    sockets: u64,
    ids: u64,
    asks: u64,
    /// The connection in use, its replacement, and a replaced one that still awaits replies.
    link: Option<Link>,
    next: Option<Link>,
    old: Option<Link>,
    retry_at: Millis,
    /// `bye` forbids a connection before this time.
    not_before: Millis,
    is_offline: bool,
    rooms: Vec<Wanted>,
    queue: VecDeque<Call>,
    /// Requests that were sent.
    requests: Vec<Call>,
}

impl Machine {
    pub(crate) fn new(settings: Settings, random: Box<dyn FnMut() -> f64 + Send>) -> Self {
        Self {
            state: State::Connecting,
            attempts: 0,
            last_error: None,
            deadline: NEVER,
            settings,
            random,
            now: 0,
            effects: Vec::new(),
            sockets: 0,
            ids: 0,
            asks: 0,
            link: None,
            next: None,
            old: None,
            retry_at: NEVER,
            not_before: 0,
            is_offline: false,
            rooms: Vec::new(),
            queue: VecDeque::new(),
            requests: Vec::new(),
        }
    }

    /// Takes an input, which is a call of one of the methods below, and returns what is to be done, in order.
    pub(crate) fn handle(&mut self, now: Millis, input: impl FnOnce(&mut Self)) -> Vec<Effect> {
        self.now = now;
        input(self);
        // One step can make another one due.
        loop {
            let done = self.effects.len();
            self.deadline = NEVER;
            if self.state != State::Closed {
                self.settle();
            }
            if self.effects.len() == done {
                break;
            }
        }
        std::mem::take(&mut self.effects)
    }

    /// Returns the id of the next frame that has an answer: 1, 2, 3.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// Takes the time.
    pub(crate) fn tick(&mut self) {}

    pub(crate) fn start(&mut self) {
        self.link = Some(self.connect());
    }

    pub(crate) fn opened(&mut self, socket: u64) {
        let factor = 0.9 + 0.1 * (self.random)();
        let (now, settings) = (self.now, &self.settings);
        let (keep_alive, age) = (settings.keep_alive, part(settings.max_age, factor));
        if let Some(link) = self.find(socket)
            && !link.open
        {
            link.open = true;
            link.due = NEVER;
            link.opened_at = now;
            link.ping_at = now + keep_alive;
            link.replace_at = now + age;
        }
    }

    /// Notes that a connection has closed, or did not open.
    pub(crate) fn lost(&mut self, socket: u64, error: Error) {
        self.lose(socket, error, None);
    }

    /// Notes that the program runs again after a pause.
    pub(crate) fn wake(&mut self) {
        if let Some(link) = &mut self.link {
            link.ping_at = self.now;
        }
    }

    /// Notes whether the platform has a network.
    pub(crate) fn set_online(&mut self, is_online: bool) {
        self.is_offline = !is_online;
        self.retry_at = match is_online {
            true => self.now.max(self.not_before),
            false => NEVER,
        };
        if is_online {
            self.wake();
        }
    }

    pub(crate) fn subscribe(
        &mut self,
        key: u64,
        name: &str,
        since: Option<Position>,
        token: Token,
    ) {
        self.rooms.push(Wanted {
            key,
            name: name.to_owned(),
            token,
            room: Room::new(since),
        });
    }

    pub(crate) fn unsubscribe(&mut self, key: u64) {
        self.rooms.retain(|room| room.key != key);
    }

    /// Takes the answer of the application to [`Effect::Ask`]: a token, or its error.
    pub(crate) fn token(&mut self, ask: u64, token: Result<String, BoxError>) {
        for socket in self.link_numbers() {
            let member = self.find(socket).and_then(|link| link.asking(ask));
            let Some(member) = member.map(|member| member.serial) else {
                continue;
            };
            match token {
                Ok(token) => self.join(socket, member, Some(token)),
                Err(error) => {
                    let refused = Error::new("token", "the token callback failed");
                    self.refused(socket, member, refused.with_source(error).retrying(true));
                }
            }
            return;
        }
    }

    pub(crate) fn call(&mut self, mut call: Call) {
        if self.state == State::Closed {
            return self.fail(call, Error::closed());
        }
        let is_open = self.link.as_ref().is_some_and(|link| link.open);
        let size = self.settings.queue_size;
        if !is_open && self.queue.len() >= size {
            let full = Error::new(
                "queue_full",
                format!("{size} messages wait for a connection"),
            );
            let oldest = match self.settings.queue_drops {
                QueueDrops::Oldest => self.queue.pop_front(),
                QueueDrops::Newest => None,
            };
            let Some(oldest) = oldest else {
                return self.fail(call, full);
            };
            self.fail(oldest, full);
        }
        call.due = call.timeout.map_or(NEVER, |timeout| self.now + timeout);
        self.queue.push_back(call);
    }

    pub(crate) fn close(&mut self) {
        if self.state != State::Closed {
            self.close_with(None);
        }
    }

    fn connect(&mut self) -> Link {
        self.sockets += 1;
        self.effects.push(Effect::Connect(self.sockets));
        Link::new(self.sockets, self.now + self.settings.connect_timeout)
    }

    /// Ends a connection that has closed, or that is of no use. `wait` is the time that `bye` states.
    fn lose(&mut self, socket: u64, error: Error, wait: Option<Millis>) {
        let is = |link: &Option<Link>| link.as_ref().is_some_and(|link| link.socket == socket);
        if is(&self.old) {
            self.old = None;
            return self.drop_socket(socket);
        }
        if !is(&self.link) && !is(&self.next) {
            return;
        }
        self.drop_socket(socket);
        self.last_error = Some(error);
        let wait = wait.map(|wait| part(wait, 1.0 + (self.random)()));
        if is(&self.next) {
            self.next = None;
            let failures = self.link.as_ref().map_or(0, |link| link.failures);
            let wait = wait.unwrap_or_else(|| self.backoff(failures));
            if let Some(link) = &mut self.link {
                link.failures += 1;
                link.replace_at = self.now + wait;
            }
        } else if self.next.is_some() {
            self.link = self.next.take();
        } else {
            if self
                .link
                .as_ref()
                .is_some_and(|link| link.is_stable(self.now))
            {
                self.attempts = 0;
            }
            self.link = None;
            self.not_before = self.now + wait.unwrap_or_default();
            let wait = wait.unwrap_or_else(|| self.backoff(self.attempts));
            self.retry_at = match self.is_offline {
                true => NEVER,
                false => self.now + wait,
            };
            self.attempts += 1;
        }
    }

    /// Closes a connection. Its requests fail, or wait for the next connection.
    fn drop_socket(&mut self, socket: u64) {
        self.effects.push(Effect::Disconnect(socket));
        let requests = std::mem::take(&mut self.requests);
        let (own, others): (Vec<_>, Vec<_>) =
            requests.into_iter().partition(|call| call.socket == socket);
        self.requests = others;
        let (safe, lost): (Vec<_>, Vec<_>) = own.into_iter().partition(|call| call.safe);
        for call in lost {
            self.fail(
                call,
                Error::new("lost", "the connection closed before the reply"),
            );
        }
        for call in safe.into_iter().rev() {
            self.queue.push_front(call);
        }
    }

    /// Closes the client, by its application or by order of the server.
    fn close_with(&mut self, error: Option<Error>) {
        self.state = State::Closed;
        for socket in self.link_numbers() {
            self.drop_socket(socket);
        }
        let reason = error.clone();
        let reason = reason.unwrap_or_else(|| Error::new("closed", "the client was closed"));
        for call in std::mem::take(&mut self.queue) {
            self.fail(call, reason.clone());
        }
        for room in std::mem::take(&mut self.rooms) {
            self.effects.push(Effect::Ended(room.key, error.clone()));
        }
        if error.is_some() {
            self.last_error = error;
        }
        self.link = None;
        self.next = None;
        self.old = None;
    }

    /// Handles a subscription that failed.
    fn refused(&mut self, socket: u64, member: u64, error: Error) {
        let is_old = self.old.as_ref().is_some_and(|old| old.socket == socket);
        let Some(member) = self.find(socket).and_then(|link| link.remove(member)) else {
            return;
        };
        let Some(index) = self.rooms.iter().position(|room| room.key == member.room) else {
            return;
        };
        // The connection that replaced this one has its own answer.
        if is_old {
            return;
        }
        if !error.is_retrying() {
            let room = self.rooms.remove(index);
            return self.effects.push(Effect::Ended(room.key, Some(error)));
        }
        let room = &mut self.rooms[index].room;
        let failures = room.failures;
        room.failures += 1;
        // A new token may be asked for at once. If it is not valid either, there is time to wait.
        let at_once = error.code() == "token_expired" && failures == 0;
        let wait = if at_once { 0 } else { self.backoff(failures) };
        let due = self.now + wait;
        self.effects.push(Effect::Refused(member.room, error));
        if let Some(link) = self.find(socket) {
            link.add(member.room, &member.name, Status::Waiting, due);
        }
    }

    /// Handles a `$unsubscribe` that failed: the connection is still in the room.
    fn stays(&mut self, socket: u64, serial: u64) {
        let Some(member) = self.find(socket).and_then(|link| link.get(serial)) else {
            return;
        };
        let failures = member.failures;
        let due = self.now + self.backoff(failures);
        if let Some(member) = self.find(socket).and_then(|link| link.get(serial)) {
            member.status = Status::Staying;
            member.id = None;
            member.due = due;
            member.failures += 1;
        }
    }

    /// Sends what makes the rooms of a connection those that the application wants.
    fn reconcile(&mut self, socket: u64) {
        let (now, rooms) = (self.now, &self.rooms);
        let wanted = |key| rooms.iter().any(|room| room.key == key);
        let link = [&mut self.link, &mut self.next].into_iter().flatten();
        let Some(link) = link.into_iter().find(|link| link.socket == socket) else {
            return;
        };
        let deadline = &mut self.deadline;
        link.members.retain(|member| match member.status {
            Status::Waiting => wanted(member.room) && !is_due(deadline, now, member.due),
            Status::Asking => wanted(member.room),
            Status::Joining | Status::Joined | Status::Leaving => true,
            Status::Staying => !rooms.iter().any(|room| room.name == member.name),
        });
        // A frame can overtake another one, so a room is joined again only after the answer.
        let leaving = link.members.iter();
        let leaving = leaving.filter(|member| match member.status {
            Status::Joined => !wanted(member.room),
            Status::Staying => is_due(deadline, now, member.due),
            _ => false,
        });
        let leaving: Vec<_> = leaving.map(|m| (m.serial, m.name.clone())).collect();
        let missing = rooms.iter().filter(|room| !link.has(&room.name));
        let missing: Vec<_> = missing
            .map(|room| (room.key, room.name.clone(), room.token.clone()))
            .collect();
        for (member, name) in leaving {
            let frame = json!({ "action": "$unsubscribe", "room": name });
            self.request(socket, member, Status::Leaving, frame);
        }
        for (key, name, token) in missing {
            let due = self.now + self.settings.connect_timeout;
            self.asks += 1;
            let ask = self.asks;
            let Some(link) = self.find(socket) else {
                return;
            };
            let member = link.add(key, &name, Status::Asking, due);
            member.ask = ask;
            member.has_asked = matches!(token, Token::Asked);
            let member = member.serial;
            match token {
                Token::Asked => self.effects.push(Effect::Ask { room: key, ask }),
                Token::Fixed(token) => self.join(socket, member, Some(token)),
                Token::None => self.join(socket, member, None),
            }
        }
    }

    fn join(&mut self, socket: u64, member: u64, token: Option<String>) {
        let key = self.find(socket).and_then(|link| link.get(member));
        let Some((key, name)) = key.map(|member| (member.room, member.name.clone())) else {
            return;
        };
        let since = self.wanted(key).and_then(|room| room.room.position.clone());
        let mut frame = json!({ "action": "$subscribe", "room": name });
        if let Some(since) = &since {
            frame["since"] = json!(since);
        }
        if let Some(token) = token {
            frame["token"] = token.into();
        }
        if let Some(member) = self.find(socket).and_then(|link| link.get(member)) {
            member.since = since;
        }
        self.request(socket, member, Status::Joining, frame);
    }

    fn request(&mut self, socket: u64, member: u64, status: Status, mut frame: Value) {
        let id = self.next_id();
        let due = self.now + ANSWER;
        if let Some(member) = self.find(socket).and_then(|link| link.get(member)) {
            member.status = status;
            member.due = due;
            member.id = Some(id);
            frame["$id"] = id.into();
            self.effects.push(Effect::Send(socket, frame.to_string()));
        }
    }

    /// Sends `$ping` with all positions, or with those of rooms that may miss something.
    fn ping(&mut self) {
        let (now, keep_alive) = (self.now, self.settings.keep_alive);
        let Some(link) = self.link.as_mut().filter(|link| link.ping.is_none()) else {
            return;
        };
        let all = is_due(&mut self.deadline, now, link.ping_at);
        let (mut sent, mut rooms) = (Vec::new(), Json::new());
        for member in link.members.iter().filter(|m| m.status == Status::Joined) {
            let room = self.rooms.iter().find(|room| room.key == member.room);
            if let Some(Wanted { name, room, .. }) = room
                && let Some(position) = &room.position
                && (is_due(&mut self.deadline, now, room.ask_at) || all)
            {
                sent.push((member.serial, position.clone()));
                rooms.insert(name.clone(), json!(position));
            }
        }
        if !all && sent.is_empty() {
            return;
        }
        if all {
            link.ping_at = now + keep_alive;
        }
        self.ids += 1;
        let (id, socket) = (self.ids, link.socket);
        link.ping = Some(Ping {
            id,
            due: now + ANSWER,
            sent,
        });
        let mut frame = json!({ "action": "$ping" });
        if !rooms.is_empty() {
            frame["rooms"] = rooms.into();
        }
        frame["$id"] = id.into();
        self.effects.push(Effect::Send(socket, frame.to_string()));
    }

    fn fail(&mut self, call: Call, error: Error) {
        self.effects.push(Effect::Settled(call.key, Err(error)));
    }

    /// Does what follows from an input and from the time.
    fn settle(&mut self) {
        for socket in self.link_numbers() {
            self.check(socket);
        }
        self.expire_calls();
        if self.link.is_none() && self.due(self.retry_at) {
            self.link = Some(self.connect());
        }
        let link = self.link.as_ref().filter(|link| link.open);
        if let Some((socket, replace_at)) = link.map(|link| (link.socket, link.replace_at)) {
            if self
                .link
                .as_ref()
                .is_some_and(|link| link.is_stable(self.now))
            {
                self.attempts = 0;
            }
            if self.next.is_none() && self.old.is_none() && self.due(replace_at) {
                self.next = Some(self.connect());
            }
            self.reconcile(socket);
        }
        let next = self.next.as_ref().filter(|link| link.open);
        if let Some(socket) = next.map(|link| link.socket) {
            self.reconcile(socket);
            let next = self.next.as_ref();
            let is_joined = |room: &Wanted| next.is_some_and(|link| link.is_joined(&room.name));
            if self.rooms.iter().all(is_joined) {
                self.replace();
            }
        }
        let current = self.link.as_ref().filter(|link| link.open);
        if let Some(socket) = current.map(|link| link.socket) {
            self.send_queue(socket);
            self.ping();
        }
        if let Some(old) = self.old.as_ref().map(|old| old.socket)
            && !self.requests.iter().any(|call| call.socket == old)
        {
            self.lose(old, Error::new("lost", "the connection was replaced"), None);
        }
        self.state = match &self.link {
            Some(link) if link.open => State::Open,
            Some(_) => State::Connecting,
            None => State::Waiting,
        };
    }

    /// Ends a connection whose deadlines have passed.
    fn check(&mut self, socket: u64) {
        let Some(due) = self.find(socket).map(|link| link.due) else {
            return;
        };
        if self.due(due) {
            let error = Error::new("timeout", "the connection did not open in time");
            return self.lose(socket, error, None);
        }
        let Some(link) = self.find(socket) else {
            return;
        };
        let awaited = link.members.iter().filter(|member| member.id.is_some());
        let mut dues: Vec<_> = awaited.map(|member| member.due).collect();
        dues.extend(link.ping.as_ref().map(|ping| ping.due));
        let asks = link.members.iter().filter(|m| m.status == Status::Asking);
        let asks: Vec<_> = asks.map(|member| (member.ask, member.due)).collect();
        let mut is_late = false;
        for due in dues {
            is_late |= self.due(due);
        }
        if is_late {
            let error = Error::new("no_answer", "the server did not answer within 10 s");
            self.lose(socket, error, None);
        }
        for (ask, due) in asks {
            if self.due(due) {
                self.token(ask, Err("the token callback did not return in time".into()));
            }
        }
    }

    fn expire_calls(&mut self) {
        let (now, deadline) = (self.now, &mut self.deadline);
        let late: Vec<_> = self
            .queue
            .iter()
            .chain(&self.requests)
            .filter(|call| is_due(deadline, now, call.due))
            .map(|call| call.key)
            .collect();
        for key in late {
            self.queue.retain(|call| call.key != key);
            self.requests.retain(|call| call.key != key);
            let error = Error::new("timeout", "no reply before the deadline");
            self.effects.push(Effect::Settled(key, Err(error)));
        }
    }

    fn send_queue(&mut self, socket: u64) {
        while let Some(mut call) = self.queue.pop_front() {
            self.effects.push(Effect::Send(socket, call.text.clone()));
            match call.id {
                None => self
                    .effects
                    .push(Effect::Settled(call.key, Ok(Value::Null))),
                Some(_) => {
                    call.socket = socket;
                    self.requests.push(call);
                }
            }
        }
    }

    /// Uses the new connection. The one before it stays until its requests are answered.
    fn replace(&mut self) {
        let mut old = std::mem::replace(&mut self.link, self.next.take());
        if let Some(old) = &mut old {
            old.due = self.now + DRAIN;
            is_due(&mut self.deadline, self.now, old.due);
            // What it still says about rooms counts, but its answers are not awaited.
            old.ping = None;
            old.members.iter_mut().for_each(|member| member.due = NEVER);
        }
        self.old = old;
    }

    /// Returns whether a time has come. If not, the machine is to be called at that time.
    fn due(&mut self, time: Millis) -> bool {
        is_due(&mut self.deadline, self.now, time)
    }

    /// Returns a random time up to the bound of an attempt (full jitter).
    fn backoff(&mut self, attempt: u32) -> Millis {
        let Settings {
            min_backoff,
            max_backoff,
            ..
        } = self.settings;
        let bound = min_backoff.saturating_mul(1 << attempt.min(30));
        part(bound.min(max_backoff), (self.random)())
    }

    /// Returns the sockets of the connections that exist now.
    fn link_numbers(&self) -> impl Iterator<Item = u64> + use<> {
        let links = [&self.link, &self.next, &self.old];
        let sockets = links.map(|link| link.as_ref().map(|link| link.socket));
        sockets.into_iter().flatten()
    }

    fn find(&mut self, socket: u64) -> Option<&mut Link> {
        let links = [&mut self.link, &mut self.next, &mut self.old];
        links
            .into_iter()
            .flatten()
            .find(|link| link.socket == socket)
    }

    fn wanted(&mut self, key: u64) -> Option<&mut Wanted> {
        self.rooms.iter_mut().find(|room| room.key == key)
    }
}

/// Returns whether a time has come. If not, the deadline is at that time or earlier.
fn is_due(deadline: &mut Millis, now: Millis, time: Millis) -> bool {
    if time > now {
        *deadline = time.min(*deadline);
    }
    time <= now
}

fn part(time: Millis, factor: f64) -> Millis {
    (time as f64 * factor).round() as Millis
}
