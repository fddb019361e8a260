//! The messages that wait for one client.

use crate::gateway::connection::Close;
use crate::lock::lock;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::task::Waker;

/// The messages that wait for one client, in order. The bounds limit the cost of a client that does not read.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    /// The waker of the connection's task.
    waker: AtomicWaker,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Bytes>,
    bytes: usize,
    /// Whether new messages are rejected.
    closed: bool,
    /// The close that the gateway has requested.
    closing: Option<Close>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushError {
    /// The connection has ended or is about to end.
    Closed,
    Full,
}

/// The maximum number and size of waiting messages, of a client or of integrations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) bytes: usize,
    pub(crate) messages: usize,
}

impl Outbox {
    pub(crate) fn push(&self, message: Bytes, bounds: Bounds) -> Result<(), PushError> {
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return Err(PushError::Closed);
        }
        // A message larger than the bound is accepted if no other waits.
        let bytes = waiting.bytes + message.len();
        let over = bytes > bounds.bytes || waiting.messages.len() >= bounds.messages;
        if over && !waiting.messages.is_empty() {
            return Err(PushError::Full);
        }
        waiting.bytes = bytes;
        waiting.messages.push_back(message);
        drop(waiting);
        self.waker.wake();
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<Bytes> {
        let mut waiting = lock(&self.waiting);
        let message = waiting.messages.pop_front()?;
        waiting.bytes -= message.len();
        // An idle connection does not keep the memory of a burst.
        if waiting.messages.is_empty() && waiting.messages.capacity() > 64 {
            waiting.messages = VecDeque::new();
        }
        Some(message)
    }

    /// Requests that the connection's task closes the connection after it has sent the waiting messages. Returns
    /// `false` if the connection is already closing.
    pub(crate) fn request_close(&self, close: Close) -> bool {
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return false;
        }
        waiting.closed = true;
        waiting.closing = Some(close);
        drop(waiting);
        self.waker.wake();
        true
    }

    pub(crate) fn close(&self) {
        lock(&self.waiting).closed = true;
    }

    pub(crate) fn closing(&self) -> Option<Close> {
        lock(&self.waiting).closing.clone()
    }

    /// Registers the waker for the next change.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        bytes: 10,
        messages: 3,
    };

    #[test]
    fn g6_an_outbox_is_full_by_bytes_or_by_messages() {
        let outbox = Outbox::default();
        let push = |text: &'static str| outbox.push(Bytes::from(text), BOUNDS);
        assert_eq!(push("123456"), Ok(()));
        assert_eq!(push("1234"), Ok(()));
        assert_eq!(push("1"), Err(PushError::Full));
        assert_eq!(push(""), Ok(()));
        assert_eq!(push(""), Err(PushError::Full));
        assert_eq!(outbox.pop().unwrap(), "123456");
        assert_eq!(push("123456"), Ok(()));
        assert_eq!(outbox.pop().unwrap(), "1234");
    }

    #[test]
    fn a_message_over_the_bound_is_taken_alone() {
        let outbox = Outbox::default();
        let large = Bytes::from(vec![b'x'; 11]);
        assert_eq!(outbox.push(large.clone(), BOUNDS), Ok(()));
        assert_eq!(outbox.push(large, BOUNDS), Err(PushError::Full));
    }

    #[test]
    fn what_waits_survives_a_close_and_nothing_is_added() {
        let outbox = Outbox::default();
        outbox.push(Bytes::from("a"), BOUNDS).unwrap();
        assert!(outbox.request_close(Close::NORMAL));
        assert!(!outbox.request_close(Close::GOING_AWAY));
        let expected = Err(PushError::Closed);
        assert_eq!(outbox.push(Bytes::from("b"), BOUNDS), expected);
        assert_eq!(outbox.closing(), Some(Close::NORMAL));
        assert_eq!(outbox.pop().unwrap(), "a");
        assert_eq!(outbox.pop(), None);
    }
}
