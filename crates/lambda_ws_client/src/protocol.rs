//! The frames of the server, checked. Anything may arrive, so each reader returns `None` for what is not valid.

use crate::error::Error;
use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use std::sync::Arc;

/// API Gateway closes the connection after a longer frame.
const MAX_FRAME: usize = 32 * 1024;

/// Rejects a message that does not fit into a frame.
pub(crate) fn check_length(text: &str) -> Result<(), Error> {
    if text.len() > MAX_FRAME {
        let length = text.len();
        let text = format!(
            "a message of {length} bytes is too long: expected at most 32 KB ({MAX_FRAME})"
        );
        return Err(Error::new("too_long", text));
    }
    Ok(())
}

/// The place of a message in the log of a room.
///
/// Positions of one room are ordered: first by epoch, then by number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "(String, u64)")]
pub struct Position {
    /// The epoch. Numbers have no holes within an epoch.
    pub epoch: Arc<str>,
    /// The number: 1, 2, 3. It is 0 before the first message.
    pub seq: u64,
}

impl Position {
    /// Returns the position of a message.
    pub fn new(epoch: impl Into<Arc<str>>, seq: u64) -> Self {
        Self {
            epoch: epoch.into(),
            seq,
        }
    }

    /// Returns the position of the next message in the same epoch.
    pub(crate) fn next(&self) -> Self {
        Self::new(self.epoch.clone(), self.seq.saturating_add(1))
    }
}

impl From<(String, u64)> for Position {
    fn from((epoch, seq): (String, u64)) -> Self {
        Self::new(epoch, seq)
    }
}

/// As in frames: `["k3f9x0a2b", 57]`.
impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&*self.epoch)?;
        pair.serialize_element(&self.seq)?;
        pair.end()
    }
}

/// The position of a room in an answer, and the messages after the position that the client sent.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `None` in a room without history.
    pub(crate) position: Option<Position>,
    pub(crate) recovered: bool,
    pub(crate) messages: Vec<(u64, Value)>,
    pub(crate) more: bool,
}

pub(crate) type Json = Map<String, Value>;

/// Reads the position in a frame. The inner `None` is a frame without one.
pub(crate) fn position(frame: &Json) -> Option<Option<Position>> {
    match (frame.get("epoch"), frame.get("seq")) {
        (None, None) => Some(None),
        (Some(Value::String(epoch)), Some(seq)) => {
            Some(Some(Position::new(epoch.as_str(), seq.as_u64()?)))
        }
        _ => None,
    }
}

/// Reads the answer for one room: the frame `subscribed`, or a room of the frame `pong`.
pub(crate) fn answer(frame: &mut Json) -> Option<Answer> {
    let position = position(frame)?;
    let messages = match frame.remove("messages") {
        None => Vec::new(),
        Some(messages) => serde_json::from_value::<Vec<(u64, Value)>>(messages).ok()?,
    };
    if messages.iter().any(|(seq, _)| *seq == 0) {
        return None;
    }
    Some(Answer {
        position,
        recovered: flag(frame, "recovered", true)?,
        messages,
        more: flag(frame, "more", false)?,
    })
}

fn flag(frame: &Json, name: &str, default: bool) -> Option<bool> {
    match frame.get(name) {
        None => Some(default),
        Some(value) => value.as_bool(),
    }
}
