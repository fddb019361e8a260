//! Many clients, and the messages that each of them has received.

use super::client::{self, Event, text_frame};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tests::Endpoint;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The number of concurrent handshakes.
const DOORS: usize = 16;

/// How long a message may take to reach all.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long an answer may take: API Gateway gives up after 29 s (conformance E5).
const ANSWER: Duration = Duration::from_secs(40);

/// The quiet time before the recipients of a message are counted.
const PAUSE: Duration = Duration::from_millis(100);

/// How long the messages are, in bytes.
const LENGTH: usize = 200;

#[derive(Debug)]
pub(super) struct Crowd {
    writers: Vec<OwnedWriteHalf>,
    members: Vec<Member>,
    events: UnboundedReceiver<Event>,
}

#[derive(Debug)]
struct Member {
    open: bool,
    heard: Vec<Copies>,
}

/// How many clients received one attempt.
#[derive(Debug, Clone, Copy)]
struct Copies {
    message: usize,
    attempt: usize,
    count: usize,
}

/// How a message was shouted.
#[derive(Debug, Default)]
pub(super) struct Shouted {
    /// How often the sender got an error.
    pub(super) errors: usize,
    /// How often the sender disconnected before it got a response.
    pub(super) cut_off: usize,
    /// How often there was no response.
    pub(super) unanswered: usize,
    /// The response to the last attempt.
    pub(super) delivery: Value,
    /// The time from the first attempt to the last recipient.
    pub(super) took: Duration,
    /// The clients that did not receive it in time.
    pub(super) missing: usize,
}

/// The result of one attempt.
enum Outcome {
    /// It got a response, and has reached all recipients that it will.
    Delivered(Value),
    Error,
    CutOff,
    Unanswered,
}

/// The clients with an open socket that received a message, and how often.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) once: usize,
    pub(super) more: usize,
    pub(super) never: usize,
    /// Further copies for all clients, from repeated attempts.
    pub(super) shouted_again: usize,
    /// The others.
    pub(super) sent_again: usize,
}

impl Crowd {
    /// Connects this many clients.
    ///
    /// # Panics
    ///
    /// If one of them cannot.
    pub(super) async fn connect(endpoint: &Endpoint, count: usize) -> Self {
        let (heard, events) = unbounded_channel();
        let (mut doors, mut writers) = (JoinSet::new(), Vec::new());
        for number in 0..count {
            if doors.len() == DOORS {
                writers.push(doors.join_next().await.expect("there are some"));
            }
            let (endpoint, heard) = (endpoint.clone(), heard.clone());
            doors.spawn(async move {
                let connected = client::connect(&endpoint, number, heard).await;
                (number, connected.expect("a connection"))
            });
        }
        writers.extend(doors.join_all().await.into_iter().map(Ok));
        let writers = writers
            .into_iter()
            .map(|joined| joined.expect("it has not panicked"));
        let mut writers: Vec<_> = writers.collect();
        writers.sort_by_key(|(number, _)| *number);
        let member = |_| Member {
            open: true,
            heard: Vec::new(),
        };
        Self {
            writers: writers.into_iter().map(|(_, writer)| writer).collect(),
            members: (0..count).map(member).collect(),
            events,
        }
    }

    /// Returns how many clients are connected, as far as they know.
    pub(super) fn open(&mut self) -> usize {
        while let Ok(event) = self.events.try_recv() {
            self.note(&event);
        }
        self.members.iter().filter(|member| member.open).count()
    }

    /// Has one of them shout a message, again if it is told of an error, and waits until all who are
    /// connected have it.
    pub(super) async fn shout(&mut self, message: usize) -> Shouted {
        let began = Instant::now();
        let mut shouted = Shouted::default();
        let mut last = began;
        for attempt in 1.. {
            let speaker = self.speak(message, attempt).await;
            let late = began + PATIENCE;
            let outcome = self.follow(message, speaker, late, &mut last).await;
            match outcome {
                Outcome::Delivered(delivery) => {
                    shouted.delivery = delivery;
                    break;
                }
                Outcome::Error => shouted.errors += 1,
                Outcome::CutOff => shouted.cut_off += 1,
                Outcome::Unanswered => shouted.unanswered += 1,
            }
            if Instant::now() > late {
                break;
            }
        }
        shouted.took = last - began;
        shouted.missing = self.missing(message);
        shouted
    }

    /// Waits for the answer to an attempt, and until all have the message.
    async fn follow(
        &mut self,
        message: usize,
        speaker: usize,
        late: Instant,
        last: &mut Instant,
    ) -> Outcome {
        let asked = Instant::now();
        let mut delivery = None;
        loop {
            let missing = self.missing(message);
            let waited = asked.elapsed() > ANSWER;
            match delivery {
                Some(delivery) if missing == 0 || Instant::now() > late => {
                    return Outcome::Delivered(delivery);
                }
                None if waited => return Outcome::Unanswered,
                _ => {}
            }
            // In steps, because counting the missing clients takes time too.
            for _ in 0..missing.max(1) {
                let event = timeout(PAUSE, self.events.recv()).await;
                let Ok(Some(event)) = event else { break };
                if self.note(&event) == Some(message) {
                    *last = event.at;
                }
                if event.client != speaker {
                    continue;
                }
                match event.text.as_deref() {
                    None if delivery.is_none() => return Outcome::CutOff,
                    Some(text) if text.starts_with('{') => {
                        let answer: Value = serde_json::from_str(text).expect("answers are JSON");
                        if !answer["sent"].is_number() {
                            return Outcome::Error;
                        }
                        delivery = Some(answer);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Returns the clients that received a message, and how often.
    pub(super) fn heard(&self, message: usize) -> Heard {
        let mut all = Heard::default();
        for member in &self.members {
            let copies = member
                .heard
                .iter()
                .filter(|copies| copies.message == message);
            let copies: Vec<_> = copies.collect();
            let count: usize = copies.iter().map(|copies| copies.count).sum();
            if member.open {
                match count {
                    0 => all.never += 1,
                    1 => all.once += 1,
                    _ => all.more += 1,
                }
            }
            all.shouted_again += copies.len().saturating_sub(1);
            all.sent_again += count - copies.len();
        }
        all
    }

    /// Sends from the first connected client.
    async fn speak(&mut self, message: usize, attempt: usize) -> usize {
        let text = format!("{message} {attempt} ");
        let shout = json!({"action": "shout", "text": format!("{text:x<LENGTH$}")}).to_string();
        let frame = text_frame(&shout);
        for number in 0..self.members.len() {
            if self.members[number].open && self.writers[number].write_all(&frame).await.is_ok() {
                return number;
            }
        }
        panic!("nobody is left");
    }

    /// How many are connected and have not got a message.
    fn missing(&self, message: usize) -> usize {
        let has = |member: &Member| member.heard.iter().any(|copies| copies.message == message);
        let missing = self
            .members
            .iter()
            .filter(|member| member.open && !has(member));
        missing.count()
    }

    /// Notes an event; which message it brought, if it is the first of its kind.
    fn note(&mut self, event: &Event) -> Option<usize> {
        let member = &mut self.members[event.client];
        let Some(text) = &event.text else {
            member.open = false;
            return None;
        };
        let mut words = text.split(' ');
        // All else is an answer.
        let message = words.next()?.parse().ok()?;
        let attempt = words.next()?.parse().ok()?;
        let known = member.heard.iter().any(|copies| copies.message == message);
        let same = |copies: &&mut Copies| (copies.message, copies.attempt) == (message, attempt);
        match member.heard.iter_mut().find(same) {
            Some(copies) => copies.count += 1,
            None => member.heard.push(Copies {
                message,
                attempt,
                count: 1,
            }),
        }
        (!known).then_some(message)
    }
}
