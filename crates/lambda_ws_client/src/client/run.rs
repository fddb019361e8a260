//! The task that runs the state machine.

use super::builder::HandshakeCallback;
use super::{Client, Command, Handle, Input, Status, TokenCallback};
use crate::error::Error;
use crate::machine::{Effect, Machine, Settings, State};
use crate::room::{Millis, NEVER, RoomEffect};
use crate::socket::Socket;
use crate::subscription::{Feed, Gap, Message, RoomEvent};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{
    Sender, UnboundedReceiver, WeakUnboundedSender, channel, unbounded_channel,
};
use tokio::sync::{broadcast, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// The number of inputs that wait. Connections are read no faster than they are handled.
const INPUTS: usize = 256;
/// The number of the application's own messages that wait for a slow receiver.
const MESSAGES: usize = 1_000;
/// The bytes that may wait for a slow network.
const MAX_UNSENT: usize = 1024 * 1024;

/// A room of the application.
struct Room {
    name: String,
    feed: Feed,
    callback: Option<TokenCallback>,
}

struct Runner {
    machine: Machine,
    handshake: HandshakeCallback,
    started: Instant,
    sockets: HashMap<u64, Socket>,
    rooms: HashMap<u64, Room>,
    /// The rooms that are left, because their applications are too slow.
    overflowed: Vec<u64>,
    calls: HashMap<u64, oneshot::Sender<Result<Value, Error>>>,
    inputs: Sender<Input>,
    commands: WeakUnboundedSender<Command>,
    status: watch::Sender<Status>,
    messages: broadcast::Sender<Arc<str>>,
    errors: broadcast::Sender<Error>,
}

/// Starts the task of a client.
pub(super) fn start(handshake: HandshakeCallback, settings: Settings) -> Client {
    let (commands, received) = unbounded_channel();
    let (inputs, happened) = channel(INPUTS);
    let machine = Machine::new(settings, Box::new(fastrand::f64));
    let (status, watched) = watch::channel(Status {
        state: machine.state,
        attempts: 0,
        last_error: None,
    });
    let (messages, _) = broadcast::channel(MESSAGES);
    let (errors, _) = broadcast::channel(MESSAGES);
    let runner = Runner {
        machine,
        handshake,
        started: Instant::now(),
        sockets: HashMap::new(),
        rooms: HashMap::new(),
        overflowed: Vec::new(),
        calls: HashMap::new(),
        inputs,
        commands: commands.downgrade(),
        status,
        messages: messages.clone(),
        errors: errors.clone(),
    };
    tokio::spawn(runner.run(received, happened));
    Client {
        handle: Handle {
            commands,
            keys: Arc::default(),
        },
        status: watched,
        messages,
        errors,
    }
}

impl Runner {
    async fn run(
        mut self,
        mut commands: UnboundedReceiver<Command>,
        mut inputs: tokio::sync::mpsc::Receiver<Input>,
    ) {
        self.handle(Machine::start);
        while self.machine.state != State::Closed {
            let deadline = self.deadline();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    // All handles are dropped.
                    None => self.handle(Machine::close),
                },
                Some(input) = inputs.recv() => self.input(input),
                () = sleep_until(deadline) => self.handle(Machine::tick),
            }
        }
        // Their senders learn that the client is closed, by being dropped.
        commands.close();
        while let Ok(command) = commands.try_recv() {
            match command {
                Command::Subscribe { feed, .. } => feed.end(Some(Error::closed())),
                Command::Call(_, _, sender) => drop(sender.send(Err(Error::closed()))),
                Command::Unsubscribe(_) | Command::Token(..) | Command::Online(_) => {}
                Command::Wake | Command::Close(_) => {}
            }
        }
    }

    fn now(&self) -> Millis {
        Millis::try_from(self.started.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    fn deadline(&self) -> Instant {
        /// Longer than any deadline of the machine.
        const LONG: Millis = 86_400_000;
        let now = self.now();
        let wait = self.machine.deadline.saturating_sub(now).min(LONG);
        Instant::now() + Duration::from_millis(wait)
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::Opened(number) => {
                if let Some(socket) = self.sockets.get_mut(&number) {
                    socket.opened();
                }
                self.handle(|machine| machine.opened(number));
            }
            Input::Frame(number, text) => self.handle(|machine| machine.frame(number, text)),
            Input::Lost(number, error) => {
                self.handle(|machine| machine.lost(number, error));
                self.sockets.remove(&number);
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Subscribe {
                key,
                name,
                since,
                token,
                callback,
                feed,
            } => {
                if self.rooms.values().any(|room| room.name == name) {
                    let text = format!(
                        "the client is already in the room {name}: use that subscription or close it"
                    );
                    return feed.end(Some(Error::new("taken", text)));
                }
                let room = Room {
                    name: name.clone(),
                    feed,
                    callback,
                };
                self.rooms.insert(key, room);
                self.handle(|machine| machine.subscribe(key, &name, since, token));
            }
            Command::Unsubscribe(key) => {
                if self.rooms.remove(&key).is_some() {
                    self.handle(|machine| machine.unsubscribe(key));
                }
            }
            Command::Call(mut call, request, sender) => {
                if self.sockets.values().map(Socket::unsent).max() > Some(MAX_UNSENT) {
                    let text = "the network is slow: more than 1 MiB is not sent yet";
                    // The caller may be gone.
                    let _ = sender.send(Err(Error::new("queue_full", text)));
                    return;
                }
                if let Some(mut message) = request {
                    let id = self.machine.next_id();
                    message["$id"] = id.into();
                    call.id = Some(id);
                    call.text = message.to_string();
                }
                self.calls.insert(call.key, sender);
                self.handle(|machine| machine.call(call));
            }
            Command::Token(ask, token) => self.handle(|machine| machine.token(ask, token)),
            Command::Online(is_online) => self.handle(|machine| machine.set_online(is_online)),
            Command::Wake => self.handle(Machine::wake),
            Command::Close(done) => {
                self.handle(Machine::close);
                // The caller may be gone.
                let _ = done.send(());
            }
        }
    }

    fn handle(&mut self, input: impl FnOnce(&mut Machine)) {
        let now = self.now();
        for effect in self.machine.handle(now, input) {
            self.effect(effect);
        }
        while let Some(key) = self.overflowed.pop() {
            for effect in self.machine.handle(now, |machine| machine.unsubscribe(key)) {
                self.effect(effect);
            }
        }
        self.update_status();
    }

    /// Shows the application the state of the machine.
    fn update_status(&self) {
        let Machine {
            state,
            attempts,
            last_error,
            ..
        } = &self.machine;
        self.status.send_if_modified(|status| {
            let is_same = status.state == *state
                && status.attempts == *attempts
                && same(status.last_error.as_ref(), last_error.as_ref());
            if !is_same {
                *status = Status {
                    state: *state,
                    attempts: *attempts,
                    last_error: last_error.clone(),
                };
            }
            !is_same
        });
    }

    /// Gives an event to a room. A room whose application is too slow is left.
    fn push(&mut self, key: u64, event: RoomEvent) {
        if let Some(room) = self.rooms.get(&key)
            && !room.feed.push(event)
        {
            self.rooms.remove(&key);
            self.overflowed.push(key);
        }
    }

    /// Asks the application for the token of a room.
    fn ask(&mut self, room: u64, ask: u64) {
        let callback = self.rooms.get(&room).and_then(|room| room.callback.clone());
        let commands = self.commands.clone();
        tokio::spawn(async move {
            let token = match callback {
                Some(callback) => callback().await,
                None => Err("the room has no token callback".into()),
            };
            if let Some(commands) = commands.upgrade() {
                // The client may be closed.
                let _ = commands.send(Command::Token(ask, token));
            }
        });
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Connect(number) => {
                let handshake = (self.handshake)();
                let handshake = async move {
                    handshake.await.map_err(|error| {
                        Error::new("url", format!("the handshake callback failed: {error}"))
                            .with_source(error)
                    })
                };
                let socket = Socket::open(number, handshake, self.inputs.clone());
                self.sockets.insert(number, socket);
            }
            Effect::Disconnect(number) => drop(self.sockets.remove(&number)),
            Effect::Send(number, text) => {
                if let Some(socket) = self.sockets.get(&number) {
                    socket.send(text);
                }
            }
            Effect::Ask { room, ask } => self.ask(room, ask),
            Effect::Subscribed {
                room,
                position,
                recovered,
            } => self.push(
                room,
                RoomEvent::Subscribed {
                    position,
                    recovered,
                },
            ),
            Effect::Room(room, RoomEffect::Message(data, position)) => {
                self.push(room, RoomEvent::Message(Message { data, position }));
            }
            Effect::Room(room, RoomEffect::Gap { from, to }) => {
                self.push(room, RoomEvent::Gap(Gap { from, to }));
            }
            Effect::Refused(room, error) => self.push(room, RoomEvent::Error(error)),
            Effect::Ended(key, error) => {
                if let Some(room) = self.rooms.remove(&key) {
                    room.feed.end(error);
                }
            }
            Effect::Settled(key, result) => {
                if let Some(call) = self.calls.remove(&key) {
                    // The caller may be gone.
                    let _ = call.send(result);
                }
            }
            // Without a receiver nobody wants them.
            Effect::App(text) => drop(self.messages.send(text.into())),
            Effect::Error(error) => drop(self.errors.send(error)),
        }
    }
}

/// Returns whether two errors are the same one.
fn same(one: Option<&Error>, other: Option<&Error>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is_same(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}
