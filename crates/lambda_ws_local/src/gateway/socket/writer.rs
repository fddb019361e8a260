//! What a client is sent, from messages to bytes.

use crate::gateway::connection::{Close, Outbox};
use bytes::Bytes;
use lambda_ws_protocol::limits::FRAME_BYTES;

const LAST: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PONG: u8 = 10;

/// How many bytes are gathered before they are written: one frame more, at most.
const GATHERED_BYTES: usize = FRAME_BYTES / 2;

/// Frames on their way to the socket. It owns no memory when nothing is.
#[derive(Default)]
pub(super) struct Writer {
    /// Whole frames, of which the first `written` bytes are gone.
    buffer: Vec<u8>,
    written: usize,
    /// What is left of the message that is being sent.
    rest: Option<Bytes>,
    /// The pong that did not fit into the buffer: the newest alone, as RFC 6455 (5.5.3) allows, so
    /// that a client which only pings costs nothing.
    pong: Option<Vec<u8>>,
}

impl Writer {
    /// Answers a ping.
    pub(super) fn pong(&mut self, payload: Vec<u8>) {
        if self.has_room() {
            self.frame(LAST | PONG, &payload);
        } else {
            self.pong = Some(payload);
        }
    }

    /// Ends what is sent: the frames that are gathered go out before it, the others never.
    pub(super) fn close(&mut self, close: &Close) {
        self.pong = None;
        self.rest = None;
        self.frame(LAST | CLOSE, &close.payload());
    }

    /// Gathers frames, of messages that wait too (conformance F3, F4); `true` if there is one of a
    /// message that was not begun before.
    pub(super) fn gather(&mut self, outbox: &Outbox) -> bool {
        let mut begun = false;
        while self.has_room() {
            if let Some(pong) = self.pong.take() {
                self.frame(LAST | PONG, &pong);
                continue;
            }
            let (mut rest, opcode) = match self.rest.take() {
                Some(rest) => (rest, CONTINUATION),
                None => match outbox.pop() {
                    Some(message) => (message, TEXT),
                    None => break,
                },
            };
            begun |= opcode == TEXT;
            let payload = rest.split_to(rest.len().min(FRAME_BYTES));
            let last = if rest.is_empty() { LAST } else { 0 };
            self.frame(last | opcode, &payload);
            self.rest = (!rest.is_empty()).then_some(rest);
        }
        begun
    }

    /// What is to be written next.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.written..]
    }

    /// Notes that so much of it has been written.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written >= self.buffer.len() {
            // An idle connection keeps no buffer.
            self.buffer = Vec::new();
            self.written = 0;
        }
    }

    fn has_room(&self) -> bool {
        self.buffer.len() - self.written < GATHERED_BYTES && self.buffer.len() < 2 * FRAME_BYTES
    }

    fn frame(&mut self, first: u8, payload: &[u8]) {
        self.buffer.reserve(payload.len() + 4);
        self.buffer.push(first);
        // A frame has 32 KB at most: the longest form of a length is never needed.
        match u16::try_from(payload.len()) {
            Ok(short @ ..126) => self.buffer.push(short as u8),
            Ok(length) => {
                self.buffer.push(126);
                self.buffer.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => unreachable!("frames have 32 KB at most"),
        }
        self.buffer.extend_from_slice(payload);
    }
}
