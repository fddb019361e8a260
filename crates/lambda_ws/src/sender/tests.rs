//! Tests of the sender with a scripted transport.

mod broadcasts;
mod checkpoints;
mod gone;
mod groups;
mod hand_off;
mod json;
mod one;
mod publications;
mod slow;
mod suspects;
mod unread;

use super::{Delivery, EventOrigin, Inner, RateLimiter, SEND_RATE, Sender};
use crate::clock::Clock;
use crate::effects::Effects;
use crate::error::SendError;
use crate::payload::{IntoPayload, Payload};
use crate::store::{Memory, Record, Scope, Slice, Store};
use crate::task::Remaining;
use crate::transport::{Inspection, Transport};
use crate::{ConnectionId, Timestamp};
use futures_util::future::BoxFuture;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_secs(1_767_607_440);
const API: &str = "api/test";

/// The next reaction of the transport to a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reply {
    Sent,
    Gone,
    Throttled,
    Broken,
    Forbidden,
    Refused,
}

/// Follows a script for each connection and repeats its last step. All other connections get their messages.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    replies: HashMap<ConnectionId, VecDeque<Reply>>,
    posts: Vec<ConnectionId>,
    /// The connections that received a message.
    sent: Vec<ConnectionId>,
    texts: HashMap<ConnectionId, Vec<String>>,
    closes: Vec<ConnectionId>,
    pauses: Vec<Duration>,
    inspections: usize,
    /// The duration of each request.
    latency: Duration,
}

impl Script {
    fn tell(&self, id: &ConnectionId, replies: &[Reply]) {
        let replies = replies.iter().copied().collect();
        self.0.lock().unwrap().replies.insert(id.clone(), replies);
    }

    fn next(&self, id: &ConnectionId) -> Result<(), SendError> {
        let mut log = self.0.lock().unwrap();
        let reply = match log.replies.get_mut(id) {
            Some(replies) if replies.len() > 1 => replies.pop_front().unwrap(),
            Some(replies) => replies[0],
            None => Reply::Sent,
        };
        match reply {
            Reply::Sent => Ok(()),
            Reply::Gone => Err(SendError::Gone),
            Reply::Throttled => Err(SendError::Throttled),
            Reply::Broken => Err(SendError::Unavailable("broken pipe".into())),
            Reply::Forbidden => Err(SendError::Forbidden { url: "url".into() }),
            Reply::Refused => Err(SendError::Refused {
                status: 418,
                source: "a teapot".into(),
            }),
        }
    }

    async fn wait(&self) {
        let latency = self.0.lock().unwrap().latency;
        if latency > Duration::ZERO {
            tokio::time::sleep(latency).await;
        }
    }

    fn posts(&self) -> usize {
        self.0.lock().unwrap().posts.len()
    }

    /// The messages that a connection received.
    fn texts(&self, id: &ConnectionId) -> Vec<String> {
        let log = self.0.lock().unwrap();
        log.texts.get(id).cloned().unwrap_or_default()
    }

    /// The pauses, in ms.
    fn pauses(&self) -> Vec<u128> {
        let log = self.0.lock().unwrap();
        log.pauses.iter().map(Duration::as_millis).collect()
    }
}

impl Transport for Script {
    async fn post(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        self.0.lock().unwrap().posts.push(id.clone());
        self.wait().await;
        self.next(id)?;
        let mut log = self.0.lock().unwrap();
        log.sent.push(id.clone());
        let texts = log.texts.entry(id.clone()).or_default();
        texts.push(payload.text().to_owned());
        Ok(())
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        self.0.lock().unwrap().closes.push(id.clone());
        self.next(id)
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        self.0.lock().unwrap().inspections += 1;
        self.wait().await;
        self.next(id).map(|()| Inspection::default())
    }

    fn url(&self) -> &str {
        "https://api.execute-api.us-east-1.amazonaws.com/test"
    }
}

impl Clock for Script {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn pause(&self, duration: Duration, _: &ConnectionId) -> BoxFuture<'static, ()> {
        self.0.lock().unwrap().pauses.push(duration);
        Box::pin(std::future::ready(()))
    }
}

/// A sender with its transport and its recipients.
struct Bench {
    sender: Sender,
    script: Script,
    store: Memory,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Inner)) -> Self {
        let (script, store) = (Script::default(), Memory::new());
        let mut inner = Inner {
            store: Arc::new(store.clone()),
            transport: Arc::new(script.clone()),
            clock: Arc::new(script.clone()),
            effects: Effects::inline(),
            origin: EventOrigin::Outside,
            api: Some(API.to_owned()),
            gone: Arc::default(),
            endpoint: Arc::default(),
            rate_limiter: Arc::new(RateLimiter::new(SEND_RATE)),
            deadline: None,
            hand_off: None,
            presences: None,
            histories: None,
            metrics: None,
        };
        change(&mut inner);
        let sender = Sender::from(inner);
        Self {
            sender,
            script,
            store,
        }
    }

    /// A connection in the room `tea` that was opened this long ago.
    async fn member(&self, name: &str, age: Duration) -> ConnectionId {
        self.member_of(name, age, API).await
    }

    async fn member_of(&self, name: &str, age: Duration, api: &str) -> ConnectionId {
        let at = Timestamp::from_millis(NOW.millis() - age.as_millis() as u64);
        let mut record = Record::new(name.into(), at, api, NOW);
        record.rooms.insert("tea".to_owned());
        record.user = Some(name.to_owned());
        self.store.register(&record).await.unwrap();
        record.id
    }

    async fn members(&self) -> Vec<ConnectionId> {
        let tea = Scope::Room("tea".to_owned());
        let page = self.store.page(&tea, Slice::ALL, None, NOW).await;
        let mut ids = page.unwrap().ids;
        ids.sort();
        ids
    }

    async fn is_marked(&self, id: &ConnectionId) -> bool {
        let record = self.store.record(id, NOW).await.unwrap();
        record.is_some_and(|record| record.gone)
    }
}

const OLD: Duration = Duration::from_secs(60);
const YOUNG: Duration = Duration::from_secs(4);

/// Returns whether the pauses match, each with a jitter of up to one half.
fn about(pauses: &[u128], expected: &[u128]) -> bool {
    let near =
        |(pause, expected): (&u128, &u128)| (expected / 2..=expected * 3 / 2).contains(pause);
    pauses.len() == expected.len() && pauses.iter().zip(expected).all(near)
}

/// Members of the room `tea`.
async fn crowd(bench: &Bench, count: usize) -> Vec<ConnectionId> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(bench.member(&format!("m{n:04}"), OLD).await);
    }
    ids
}

/// Leaves a member in the room `tea`, as an interrupted removal does.
async fn orphan(bench: &Bench, id: &ConnectionId) {
    let record = bench.store.record(id, NOW).await.unwrap().unwrap();
    bench.store.remove(id, record.at).await.unwrap();
    bench
        .store
        .add_member(&Scope::Room("tea".to_owned()), &record);
}

fn everybody_in_tea() -> Remaining {
    let mut work = Remaining::all(Scope::Room("tea".to_owned()), HashSet::new());
    work.message = Some("hello".into_payload().unwrap());
    work
}

fn posts(bench: &Bench) -> Vec<ConnectionId> {
    let mut posts = bench.script.0.lock().unwrap().posts.clone();
    posts.sort();
    posts
}
