//! The answer that a client expects to a message.

use super::frames::{ErrorBody, ErrorFrame, ReplyFrame};
use crate::client_limits::Limited;
use crate::error::{Error, SendError};
use crate::json::Json;
use crate::payload::{IntoPayload, Payload};
use crate::response::Body;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

/// The most bytes of an id as text.
const ID_BYTES: usize = 64;

/// The most bytes of a number as an id.
const NUMBER_BYTES: usize = 40;

/// The parts of a message that decide on its answer.
#[derive(Debug)]
pub(crate) struct RequestFrame {
    /// The id, as JSON.
    id: Option<Box<RawValue>>,
    room: Option<String>,
    /// Whether it is a frame of the protocol, and not a message of the application.
    is_frame: bool,
}

/// The members of a message, unread.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    #[serde(borrow)]
    room: Option<&'a RawValue>,
    #[serde(rename = "$id", borrow)]
    id: Option<&'a RawValue>,
}

impl RequestFrame {
    /// Reads a message. Returns `None` for one that is answered as without channels.
    pub(super) fn read(body: &str) -> Option<Self> {
        // Both `$id` and the actions begin so. Most messages do not contain it.
        if !body.contains("\"$") {
            return None;
        }
        let members: Members<'_> = serde_json::from_str(body).ok()?;
        let text = |json: Option<&RawValue>| -> Option<String> {
            json.and_then(|json| serde_json::from_str(json.get()).ok())
        };
        let is_frame = text(members.action).is_some_and(|action| action.starts_with('$'));
        let id = members.id.filter(|id| id.get() != "null");
        (is_frame || id.is_some()).then(|| Self {
            id: id.map(|id| id.to_owned()),
            room: text(members.room).filter(|_| is_frame),
            is_frame,
        })
    }

    /// Checks the id, and makes it short: escapes are longer than what they stand for.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        let Some(id) = self.id.take() else {
            return Ok(());
        };
        let json = id.get();
        let number = json.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        let text: Result<String, _> = serde_json::from_str(json);
        self.id = match text {
            _ if number && json.len() <= NUMBER_BYTES => Some(id),
            Ok(text) if text.len() <= ID_BYTES => to_raw_value(&text).ok(),
            _ => {
                let message = format!(
                    "`$id` is not valid: expected a number, or a text of at most {ID_BYTES} bytes"
                );
                return Err(Error::client("bad_frame", message));
            }
        };
        Ok(())
    }

    /// The message to the client after the handler has returned, if there is one.
    pub(crate) fn answer(
        &self,
        body: Body,
        request_id: &str,
    ) -> Option<Result<Payload, SendError>> {
        let id = self.id.as_deref();
        let data = match body {
            Body::Failure(error) => return Some(self.failure(&error, request_id)),
            // The answers to frames are complete.
            Body::Text(payload) if self.is_frame => return Some(Ok(payload)),
            Body::Nothing | Body::Policy(_) | Body::Json(_) if self.is_frame => return None,
            Body::Text(payload) => Some(payload.to_json()),
            Body::Nothing | Body::Policy(_) | Body::Json(_) => None,
        };
        let reply = Json(ReplyFrame::new(id, data.as_deref())).into_payload();
        Some(match reply {
            Err(error @ SendError::TooLarge) => self.failure(&error.into(), request_id),
            reply => reply,
        })
    }

    fn failure(&self, error: &Error, request_id: &str) -> Result<Payload, SendError> {
        let frame = |message: &str| {
            let body = ErrorBody {
                code: error.code(),
                message,
                request_id,
                retry: Limited::retry(error),
            };
            Json(ErrorFrame::new(
                self.id.as_deref(),
                self.room.as_deref(),
                body,
            ))
            .into_payload()
        };
        let message = error.message();
        frame(&message).or_else(|_| frame("the error's message is too large"))
    }
}
