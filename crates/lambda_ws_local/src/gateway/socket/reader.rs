//! The parser of a client's bytes into messages (RFC 6455, 5), without I/O.

use crate::gateway::connection::Close;
use lambda_ws_protocol::limits::{FRAME_BYTES, MESSAGE_BYTES};

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The maximum payload of a control frame, in bytes.
const CONTROL_BYTES: usize = 125;
/// The maximum header of a frame: two bytes, a long length, a mask.
const HEADER_BYTES: usize = 14;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Text(String),
    /// A ping, with the payload of its pong.
    Ping(Vec<u8>),
    Pong,
    Close(Close),
}

/// Parses frames as they arrive. Errors are detected at the first possible byte: a frame that is too large at its
/// header, invalid UTF-8 in the middle of a frame (conformance F1, F2, F10). Between messages it holds no memory, and
/// within one only the bytes that have arrived.
#[derive(Default)]
pub(crate) struct Reader {
    header: [u8; HEADER_BYTES],
    /// The number of header bytes that have arrived.
    arrived: u8,
    /// The length of the header, once known.
    length: usize,
    frame: Option<Frame>,
    /// Whether a message has begun but is not complete.
    fragmented: bool,
    /// The part of the message that has arrived.
    message: Vec<u8>,
    /// The length of its part that is valid UTF-8.
    checked: usize,
    /// The payload of a control frame, which may come between a message's frames.
    control: Vec<u8>,
}

/// A frame whose header is complete.
#[derive(Clone, Copy)]
struct Frame {
    last: bool,
    opcode: u8,
    mask: [u8; 4],
    length: usize,
    /// The number of payload bytes that have arrived.
    arrived: usize,
}

impl Reader {
    /// Parses the front of `bytes`, until there is something to report or no bytes remain.
    ///
    /// # Errors
    ///
    /// The close frame for the client. The following bytes are meaningless.
    pub(crate) fn read(&mut self, bytes: &mut &[u8]) -> Result<Option<Incoming>, Close> {
        loop {
            let frame = match self.frame {
                Some(frame) => frame,
                None if bytes.is_empty() => return Ok(None),
                None => match self.read_header(bytes)? {
                    Some(frame) => frame,
                    None => continue,
                },
            };
            let frame = self.read_payload(frame, bytes)?;
            if frame.arrived < frame.length {
                self.frame = Some(frame);
                return Ok(None);
            }
            self.frame = None;
            if let Some(incoming) = self.complete(frame)? {
                return Ok(Some(incoming));
            }
        }
    }

    /// Reads byte by byte, because each may be invalid, and there are few.
    fn read_header(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, Close> {
        let Some((first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        *bytes = rest;
        self.header[usize::from(self.arrived)] = *first;
        self.arrived += 1;
        let arrived = usize::from(self.arrived);
        let [first, second, ..] = self.header;
        match arrived {
            1 => self.check_first(first)?,
            2 => check_second(first, second)?,
            _ => {}
        }
        let extended = match (arrived, second & 0x7f) {
            (1, _) => return Ok(None),
            (_, 126) => 2,
            (_, 127) => 8,
            _ => 0,
        };
        if arrived == 2 + extended {
            self.length = self.check_length(first, extended)?;
        }
        if arrived < 6 + extended {
            return Ok(None);
        }
        self.arrived = 0;
        let mut mask = [0; 4];
        mask.copy_from_slice(&self.header[2 + extended..6 + extended]);
        Ok(Some(Frame {
            last: first & 0x80 != 0,
            opcode: first & 0x0f,
            mask,
            length: self.length,
            arrived: 0,
        }))
    }

    /// Checks the flags and the opcode. No extension is ever negotiated, so reserved bits are not valid (conformance
    /// B7).
    fn check_first(&self, first: u8) -> Result<(), Close> {
        let (last, reserved, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
        let allowed = match opcode {
            CONTINUATION => self.fragmented,
            TEXT | BINARY => !self.fragmented,
            CLOSE | PING | PONG => last,
            _ => false,
        };
        if allowed && reserved == 0 {
            Ok(())
        } else {
            Err(Close::PROTOCOL_ERROR)
        }
    }

    /// Returns the length in its `extended` bytes, checked against the limits (conformance F2).
    fn check_length(&self, first: u8, extended: usize) -> Result<usize, Close> {
        let (length, minimum) = match extended {
            0 => (u64::from(self.header[1] & 0x7f), 0),
            _ => {
                let bytes = self.header[2..2 + extended].iter();
                let length = bytes.fold(0, |length, byte| length << 8 | u64::from(*byte));
                (length, if extended == 2 { 126 } else { 1 << 16 })
            }
        };
        // RFC 6455, 5.2: the length has the shortest form, and its highest bit is zero.
        if length < minimum || length > i64::MAX as u64 {
            return Err(Close::PROTOCOL_ERROR);
        }
        let before = if first & 0x08 == 0 {
            self.message.len()
        } else {
            0
        };
        match usize::try_from(length) {
            Ok(length) if length <= FRAME_BYTES && before + length <= MESSAGE_BYTES => Ok(length),
            _ => Err(Close::TOO_BIG),
        }
    }

    /// Takes and unmasks the payload bytes that have arrived.
    fn read_payload(&mut self, mut frame: Frame, bytes: &mut &[u8]) -> Result<Frame, Close> {
        let (payload, rest) = bytes.split_at(bytes.len().min(frame.length - frame.arrived));
        *bytes = rest;
        let into = match frame.opcode {
            CONTINUATION | TEXT => &mut self.message,
            _ => &mut self.control,
        };
        let begin = into.len();
        into.extend_from_slice(payload);
        let mut mask = frame.mask;
        mask.rotate_left(frame.arrived % 4);
        unmask(&mut into[begin..], mask);
        frame.arrived += payload.len();
        if matches!(frame.opcode, CONTINUATION | TEXT) {
            self.check_text()?;
        }
        Ok(frame)
    }

    /// Checks that the message so far is UTF-8. It may end in the middle of a character.
    fn check_text(&mut self) -> Result<(), Close> {
        match std::str::from_utf8(&self.message[self.checked..]) {
            Ok(_) => self.checked = self.message.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(Close::NOT_UTF8),
        }
        Ok(())
    }

    fn complete(&mut self, frame: Frame) -> Result<Option<Incoming>, Close> {
        Ok(Some(match frame.opcode {
            CONTINUATION | TEXT => {
                self.fragmented = !frame.last;
                if !frame.last {
                    return Ok(None);
                }
                self.checked = 0;
                let message = String::from_utf8(std::mem::take(&mut self.message));
                Incoming::Text(message.map_err(|_| Close::NOT_UTF8)?)
            }
            PING => Incoming::Ping(std::mem::take(&mut self.control)),
            PONG => {
                self.control = Vec::new();
                Incoming::Pong
            }
            _ => Incoming::Close(Close::read(&std::mem::take(&mut self.control))?),
        }))
    }

    /// Returns the number of bytes kept for incomplete messages.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn kept(&self) -> usize {
        self.message.capacity() + self.control.capacity()
    }
}

/// Checks the mask's flag, and returns the first form of the length.
fn check_second(first: u8, second: u8) -> Result<(), Close> {
    let short = usize::from(second & 0x7f);
    if second & 0x80 == 0 || (first & 0x08 != 0 && short > CONTROL_BYTES) {
        return Err(Close::PROTOCOL_ERROR);
    }
    // Conformance F1: also if it is empty, or the first of several.
    if first & 0x0f == BINARY {
        return Err(Close::UNSUPPORTED);
    }
    Ok(())
}

/// Removes a mask, eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests;
