//! A room that the client is in.

use crate::client::Handle;
use crate::error::Error;
use crate::protocol::Position;
use futures_util::Stream;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The number of events that wait for a slow application.
const WAITING: usize = 1_000;

/// Messages that were lost for this client: they are older than the history of the room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The last message before the gap.
    pub from: Position,
    /// The last message of the gap. `None` if the room has no history any more.
    pub to: Option<Position>,
}

impl Gap {
    /// Returns how many messages are lost. `None` if nobody knows, because the epoch changed.
    pub fn lost(&self) -> Option<u64> {
        let to = self.to.as_ref()?;
        let lost = to.seq.checked_sub(self.from.seq)?;
        (to.epoch == self.from.epoch && lost > 0).then_some(lost)
    }
}

/// A message of a room.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// What was published.
    pub data: Value,
    /// The place of the message. `None` in a room without history.
    pub position: Option<Position>,
}

impl Message {
    /// Reads the data as a value of type `T`.
    ///
    /// # Errors
    ///
    /// `decode`, if the data is not of this type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(&self.data).map_err(|error| {
            Error::new(
                "decode",
                format!("the message is not of the expected type: {error}"),
            )
        })
    }
}

/// What happens in a room.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RoomEvent {
    /// The server has answered the subscription. This happens on each connection.
    Subscribed {
        /// The position from which messages arrive. `None` in a room without history.
        position: Option<Position>,
        /// Whether no message is missing since the last position.
        recovered: bool,
    },
    /// A message: once and in order.
    Message(Message),
    /// Messages are lost.
    Gap(Gap),
    /// The subscription failed, and the client tries again.
    Error(Error),
}

/// A room that the client is in: a stream of its events.
///
/// At most 1 000 events wait for a slow application. If there are more, the subscription ends with the error
/// `overflow`; subscribe again at its [`position`](Self::position) to continue without a loss.
///
/// Dropping it leaves the room.
#[derive(Debug)]
pub struct Subscription {
    name: String,
    position: Option<Position>,
    events: Receiver<RoomEvent>,
    end: Arc<Mutex<Option<Error>>>,
    _leave: Leave,
}

/// Leaves the room when it is dropped.
#[derive(Debug)]
struct Leave {
    key: u64,
    client: Handle,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.client.unsubscribe(self.key);
    }
}

/// The sending half of a subscription.
#[derive(Debug)]
pub(crate) struct Feed {
    events: Sender<RoomEvent>,
    end: Arc<Mutex<Option<Error>>>,
}

impl Subscription {
    pub(crate) fn new(
        name: &str,
        since: Option<Position>,
        key: u64,
        client: Handle,
    ) -> (Self, Feed) {
        let (sender, events) = channel(WAITING);
        let end = Arc::<Mutex<Option<Error>>>::default();
        let feed = Feed {
            events: sender,
            end: end.clone(),
        };
        let subscription = Self {
            name: name.to_owned(),
            position: since,
            events,
            end,
            _leave: Leave { key, client },
        };
        (subscription, feed)
    }

    /// Returns the name of the room.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the position of the last event that this stream has yielded. Store it to continue there.
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// Waits for the next event. `None` if the subscription has ended; [`error`](Self::error) then says why.
    pub async fn next(&mut self) -> Option<RoomEvent> {
        let event = self.events.recv().await?;
        self.moved(&event);
        Some(event)
    }

    /// Waits for the next message, and skips other events.
    pub async fn next_message(&mut self) -> Option<Message> {
        loop {
            if let RoomEvent::Message(message) = self.next().await? {
                return Some(message);
            }
        }
    }

    /// Returns why the subscription has ended: `None` if it has not, or was ended by the application.
    pub fn error(&self) -> Option<Error> {
        self.end
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Leaves the room.
    pub fn close(self) {}

    fn moved(&mut self, event: &RoomEvent) {
        match event {
            RoomEvent::Subscribed { position, .. } if self.position.is_none() => {
                self.position.clone_from(position);
            }
            RoomEvent::Message(Message {
                position: Some(position),
                ..
            }) => self.position = Some(position.clone()),
            RoomEvent::Gap(gap) => self.position.clone_from(&gap.to),
            _ => {}
        }
    }
}

impl Stream for Subscription {
    type Item = RoomEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<RoomEvent>> {
        let event = std::task::ready!(self.events.poll_recv(context));
        if let Some(event) = &event {
            self.moved(event);
        }
        Poll::Ready(event)
    }
}

impl Feed {
    /// Adds an event. Returns false if the subscription has ended, because it is dropped or too slow.
    pub(crate) fn push(&self, event: RoomEvent) -> bool {
        match self.events.try_send(event) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                let text =
                    format!("the application is slow: more than {WAITING} events of the room wait");
                self.end(Some(Error::new("overflow", text)));
                false
            }
        }
    }

    /// States why the subscription ends.
    pub(crate) fn end(&self, error: Option<Error>) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}
