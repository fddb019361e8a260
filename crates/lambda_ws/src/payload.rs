//! Messages to clients, encoded.

use crate::Json;
use crate::limits::MESSAGE_BYTES;
use crate::send_error::SendError;
use bytes::Bytes;
use serde::Serialize;

/// A message as it is sent: text of at most 128 KB; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload(Bytes);

impl Payload {
    /// A message of UTF-8 `text`.
    fn new(text: Bytes) -> Result<Self, SendError> {
        match text.len() {
            0..=MESSAGE_BYTES => Ok(Self(text)),
            _ => Err(SendError::TooLarge),
        }
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only text becomes a payload")
    }

    /// The text's bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

/// What can be sent to a client: text, or [`Json`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to a client",
    label = "not a message",
    note = "send text (`&str`, `String`) or `Json(value)`; API Gateway sends no binary messages"
)]
pub trait IntoPayload {
    /// Encodes the message.
    ///
    /// # Errors
    ///
    /// [`SendError::TooLarge`] over 128 KB, [`SendError::Encode`] if JSON cannot express it.
    fn into_payload(self) -> Result<Payload, SendError>;
}

impl IntoPayload for Payload {
    fn into_payload(self) -> Result<Payload, SendError> {
        Ok(self)
    }
}

impl IntoPayload for &str {
    fn into_payload(self) -> Result<Payload, SendError> {
        Payload::new(Bytes::copy_from_slice(self.as_bytes()))
    }
}

impl IntoPayload for String {
    fn into_payload(self) -> Result<Payload, SendError> {
        Payload::new(self.into())
    }
}

impl<T: Serialize> IntoPayload for Json<T> {
    fn into_payload(self) -> Result<Payload, SendError> {
        let json = serde_json::to_vec(&self.0).map_err(SendError::Encode)?;
        Payload::new(json.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f3_a_message_of_more_than_128_kb_is_refused_before_it_is_sent() {
        assert!("x".repeat(MESSAGE_BYTES).into_payload().is_ok());
        let error = "x".repeat(MESSAGE_BYTES + 1).into_payload().unwrap_err();
        assert!(matches!(error, SendError::TooLarge));
    }
}
