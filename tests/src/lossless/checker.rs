//! Compares what a client received with the log of its room.

use super::Log;
use lambda_ws_client::{Error, Position, RoomEvent, Subscription};
use serde_json::Value;

/// The events of one subscription: the mistakes among them, and what is to be compared with the log.
#[derive(Debug, Default)]
pub struct Checker {
    /// The room.
    pub room: String,
    /// The last message, or the end of the last gap.
    pub position: Option<Position>,
    /// The messages.
    pub received: Log,
    /// The answered subscriptions: one per connection.
    pub subscribed: usize,
    /// The announced gaps.
    pub gaps: usize,
    /// The messages in the announced gaps.
    pub lost: u64,
    /// What a client of a lossless room must not see.
    pub mistakes: Vec<String>,
}

impl Checker {
    /// A checker of a new subscription.
    pub fn new(room: &Subscription) -> Self {
        Self {
            room: room.name().to_owned(),
            position: room.position().cloned(),
            ..Self::default()
        }
    }

    /// Notes what happened.
    pub fn note(&mut self, event: RoomEvent) {
        match event {
            RoomEvent::Subscribed { position, .. } => {
                self.subscribed += 1;
                if self.position.is_none() {
                    self.position.clone_from(&position);
                }
                if position != self.position {
                    self.mistake("subscribed elsewhere", &position);
                }
            }
            RoomEvent::Message(message) => match message.position {
                Some(position) => self.message(position, message.data),
                None => self.mistake("a message without a position", &message),
            },
            RoomEvent::Gap(gap) => {
                if self.position.as_ref() != Some(&gap.from) {
                    self.mistake("a gap that begins elsewhere", &gap);
                }
                match gap.lost() {
                    Some(lost) => self.lost += lost,
                    None => self.mistake("a gap without a count", &gap),
                }
                self.gaps += 1;
                self.position = gap.to;
            }
            // The client tries again.
            _ => {}
        }
    }

    fn message(&mut self, position: Position, data: Value) {
        let next = self.position.as_ref();
        let next = next.map(|own| Position::new(own.epoch.clone(), own.seq + 1));
        match next {
            _ if self.received.contains_key(&position) => self.mistake("a duplicate", &position),
            Some(next) if position == next => {}
            Some(next) if position < next => self.mistake("out of order", &position),
            Some(_) => self.mistake("an unannounced gap", &position),
            None => self.mistake("a message before the subscription", &position),
        }
        self.position = Some(position.clone());
        self.received.insert(position, data);
    }

    /// Notes that the subscription ended, which it does only with its client.
    pub fn ended(&mut self, error: Option<Error>) {
        self.mistake("the subscription ended", &error);
    }

    /// Compares the messages with those of the log.
    pub fn compare(&mut self, log: &Log) {
        let other = |(position, data): &(&Position, &Value)| log.get(position) != Some(data);
        let others = self.received.iter().filter(other);
        let others: Vec<_> = others.map(|(position, _)| position.clone()).collect();
        for position in others {
            self.mistake("a message that differs from the log", &position);
        }
    }

    fn mistake(&mut self, what: &str, event: &impl std::fmt::Debug) {
        let (room, position) = (&self.room, &self.position);
        let mistake = format!("{room}: {what}: {event:?} after {position:?}");
        self.mistakes.push(mistake);
    }
}
