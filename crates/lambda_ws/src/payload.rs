//! Encoded messages to clients.

use crate::Json;
use crate::error::SendError;
use bytes::Bytes;
use lambda_ws_protocol::limits::MESSAGE_BYTES;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};
use std::sync::{Arc, OnceLock};

/// An encoded message: text of at most 128 KB. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Payload {
    text: Bytes,
    sha256: Arc<OnceLock<String>>,
    /// Whether the text was written as JSON.
    is_json: bool,
}

impl Payload {
    fn new(text: Bytes) -> Result<Self, SendError> {
        match text.len() {
            0..=MESSAGE_BYTES => Ok(Self {
                text,
                sha256: Arc::default(),
                is_json: false,
            }),
            _ => Err(SendError::TooLarge),
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.text).expect("only text becomes a payload")
    }

    /// The message as JSON: text is a string.
    pub(crate) fn to_json(&self) -> Box<RawValue> {
        let json = match self.is_json {
            true => RawValue::from_string(self.text().to_owned()),
            false => to_raw_value(self.text()),
        };
        json.expect("text and JSON are JSON")
    }

    /// The text's bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.text
    }

    /// Returns the SHA-256 of the text in hexadecimal digits for AWS signatures. It is computed once, for all
    /// recipients.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| {
            let digits = lambda_ws_protocol::hex(&Sha256::digest(&self.text));
            String::from_utf8(digits.to_vec()).expect("digits are text")
        })
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Payload {}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.into_payload().map_err(serde::de::Error::custom)
    }
}

/// A message to a client: text or [`Json`].
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
    /// [`SendError::TooLarge`] over 128 KB, [`SendError::Encode`] if it cannot be encoded as JSON.
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
        Ok(Payload {
            is_json: true,
            ..Payload::new(json.into())?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f3_a_message_of_more_than_128_kb_is_rejected_before_it_is_sent() {
        assert!("x".repeat(MESSAGE_BYTES).into_payload().is_ok());
        let error = "x".repeat(MESSAGE_BYTES + 1).into_payload().unwrap_err();
        assert!(matches!(error, SendError::TooLarge));
    }
}
