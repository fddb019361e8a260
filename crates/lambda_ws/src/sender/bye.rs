//! A close with a reason.

use super::{Audience, Delivery, Sender};
use crate::ConnectionId;
use crate::error::SendError;
use crate::json::Json;
use crate::payload::{IntoPayload, Payload};
use serde::Serialize;
use std::borrow::Cow;
use std::time::Duration;

/// The reason for which the server closes a connection, and whether its client may connect again.
///
/// API Gateway closes every connection with the same code. So the reason is a message that is sent before:
/// `{"$":"bye","code":"expired","retry":1500}`.
///
/// ```
/// use lambda_ws::{Bye, Error, Sender};
/// use std::time::Duration;
///
/// async fn log_out(sender: &Sender, user: &str) -> Result<(), Error> {
///     let bye = Bye::new("logged_out");
///     sender.user(user).close_with(bye).await?;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bye {
    #[serde(rename = "$")]
    kind: &'static str,
    code: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<u64>,
}

impl Bye {
    /// A close with this code. The client does not connect again. The codes `expired`, `unknown` and `closed` have a
    /// meaning in the protocol; any other is the application's.
    pub fn new(code: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: "bye",
            code: code.into(),
            retry: None,
        }
    }

    /// Lets the client connect again after a time. It adds a random time of up to the same length, so that not all
    /// clients connect at once.
    pub fn retry(mut self, after: Duration) -> Self {
        self.retry = Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        self
    }

    fn payload(self) -> Result<Payload, SendError> {
        Json(self).into_payload()
    }
}

impl Sender {
    /// Sends the reason, and then closes a connection.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`] and [`Sender::close`].
    pub async fn close_with(&self, id: &ConnectionId, bye: Bye) -> Result<(), SendError> {
        self.send(id, bye.payload()?).await?;
        self.close(id).await
    }
}

impl Audience {
    /// Sends the reason to all of them, and closes each one after its message.
    ///
    /// # Errors
    ///
    /// As [`Audience::send`].
    pub async fn close_with(self, bye: Bye) -> Result<Delivery, SendError> {
        let payload = bye.payload()?;
        self.end(payload).await
    }
}
