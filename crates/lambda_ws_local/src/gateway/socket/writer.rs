//! The serializer of messages to a client.

use crate::gateway::connection::{Close, Outbox};
use bytes::Bytes;
use lambda_ws_protocol::limits::FRAME_BYTES;

const LAST: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PONG: u8 = 10;

/// The number of bytes to collect before a write, plus at most one frame.
const GATHERED_BYTES: usize = FRAME_BYTES / 2;

/// Frames that wait for the socket. It holds no memory without frames.
#[derive(Default)]
pub(super) struct Writer {
    /// Complete frames, of which the first `written` bytes are sent.
    buffer: Vec<u8>,
    written: usize,
    /// The unsent part of the current message.
    rest: Option<Bytes>,
    /// The pong that did not fit into the buffer. Only the newest is kept, as RFC 6455 (5.5.3) allows, so that a client
    /// that only pings costs nothing.
    pong: Option<Vec<u8>>,
}

impl Writer {
    pub(super) fn pong(&mut self, payload: Vec<u8>) {
        if self.has_room() {
            self.frame(LAST | PONG, &payload);
        } else {
            self.pong = Some(payload);
        }
    }

    /// Queues a close frame after the collected frames. Later frames are dropped.
    pub(super) fn close(&mut self, close: &Close) {
        self.pong = None;
        self.rest = None;
        self.frame(LAST | CLOSE, &close.payload());
    }

    /// Collects frames, also of waiting messages (conformance F3, F4). Returns `true` if a new message was begun.
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

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.written..]
    }

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
        // A frame has at most 32 KB, so the longest form of a length is not needed.
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
