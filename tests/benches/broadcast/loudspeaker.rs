//! A management API without sockets.

use lambda_ws::transport::{Inspection, Transport};
use lambda_ws::{ConnectionId, Payload, SendError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Accepts every message after a delay, and counts the messages per member. Clones share the counts.
#[derive(Debug, Clone)]
pub(super) struct Loudspeaker {
    heard: Arc<[AtomicU8]>,
    /// One of this many members is gone.
    gone: Option<usize>,
}

impl Loudspeaker {
    /// Returns one with this many members, whose ids are [`id`]s.
    pub(super) fn new(members: usize) -> Self {
        let heard = (0..members).map(|_| AtomicU8::new(0)).collect();
        Self { heard, gone: None }
    }

    /// The same, with every `nth` member gone.
    pub(super) fn without_every(nth: usize, members: usize) -> Self {
        Self {
            gone: Some(nth),
            ..Self::new(members)
        }
    }

    /// How many members have got the message exactly once.
    pub(super) fn once(&self) -> usize {
        let heard = self.heard.iter();
        heard.filter(|n| n.load(Ordering::Relaxed) == 1).count()
    }

    fn reach(&self, id: &ConnectionId) -> Result<usize, SendError> {
        let number = id.as_str()[1..15].parse().expect("a member's id");
        match self.gone {
            Some(nth) if number % nth == 0 => Err(SendError::Gone),
            _ => Ok(number),
        }
    }
}

/// The id of a member, as long as those of API Gateway.
pub(super) fn id(number: usize) -> ConnectionId {
    format!("c{number:014}=").into()
}

impl Transport for Loudspeaker {
    async fn post(&self, id: &ConnectionId, _: &Payload) -> Result<(), SendError> {
        tokio::task::yield_now().await;
        let number = self.reach(id)?;
        self.heard[number].fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        self.reach(id).map(drop)
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        self.reach(id).map(|_| Inspection::default())
    }

    fn url(&self) -> &str {
        "https://api.execute-api.us-east-1.amazonaws.com/test"
    }
}
