//! What others publish through the function.

use crate::error::BoxError;
use crate::payload::{IntoPayload, Payload};
use crate::send_error::SendError;
use crate::sender::{Delivery, Sender};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// What is published, and to whom.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish<'a> {
    room: Option<String>,
    user: Option<String>,
    connection: Option<String>,
    everyone: Option<bool>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
}

/// What is there, `null` too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Published {
    sent: usize,
    gone: usize,
    throttled: usize,
    failed: usize,
    /// How many tasks go on.
    #[serde(skip_serializing_if = "is_none")]
    tasks: usize,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

const FORM: &str = "expected {\"publish\": {\"room\" or \"user\" or \"connection\": NAME, or \"everyone\": \
    true, and \"data\": text or any JSON}}";

impl Sender {
    /// Publishes what stands behind `publish`.
    pub(super) async fn publish(&self, json: &str) -> Result<Published, BoxError> {
        let publish: Result<Publish<'_>, _> = serde_json::from_str(json);
        let publish = publish.map_err(|error| format!("{error}: {FORM}"))?;
        let payload = payload(publish.data.ok_or_else(|| format!("no data: {FORM}"))?)?;
        let audience = match publish {
            Publish {
                connection: Some(id),
                room: None,
                user: None,
                everyone: None,
                ..
            } => {
                let mut published = Published::default();
                match self.send(&id.into(), payload).await {
                    Ok(()) => published.sent = 1,
                    Err(SendError::Gone) => published.gone = 1,
                    Err(error) => return Err(error.into()),
                }
                return Ok(published);
            }
            Publish {
                room: Some(room),
                user: None,
                connection: None,
                everyone: None,
                ..
            } => self.room(room),
            Publish {
                user: Some(user),
                room: None,
                connection: None,
                everyone: None,
                ..
            } => self.user(user),
            Publish {
                everyone: Some(true),
                room: None,
                user: None,
                connection: None,
                ..
            } => self.everyone(),
            _ => return Err(format!("to whom is not clear: {FORM}").into()),
        };
        published(audience.send(payload).await?)
    }

    /// Publishes what stands in the text of a notification or a message.
    pub(super) async fn publish_wrapped(&self, text: &str) -> Result<Published, BoxError> {
        #[derive(Deserialize)]
        struct Wrapped<'a> {
            #[serde(borrow)]
            publish: Option<&'a RawValue>,
            /// A notification of SNS that a queue has passed on.
            #[serde(rename = "Message")]
            message: Option<String>,
        }

        let wrapped: Result<Wrapped<'_>, _> = serde_json::from_str(text);
        let wrapped = wrapped.map_err(|error| format!("{error}: {FORM}"))?;
        match (wrapped.publish, wrapped.message) {
            (Some(publish), _) => self.publish(publish.get()).await,
            (None, Some(message)) => {
                let inner: Result<Wrapped<'_>, _> = serde_json::from_str(&message);
                let publish = inner.ok().and_then(|inner| inner.publish);
                let publish = publish.ok_or_else(|| format!("nothing to publish: {FORM}"))?;
                self.publish(publish.get()).await
            }
            (None, None) => Err(format!("nothing to publish: {FORM}").into()),
        }
    }
}

/// Text as it is, any other JSON as JSON.
fn payload(data: &RawValue) -> Result<Payload, BoxError> {
    let json = data.get();
    let text = match json.starts_with('"') {
        true => serde_json::from_str(json)?,
        false => json.to_owned(),
    };
    Ok(text.into_payload()?)
}

fn published(delivery: Delivery) -> Result<Published, BoxError> {
    if delivery.rest.is_some() {
        return Err(format!(
            "there was not time for all: {} were sent to; let the function invoke itself, or give it more time",
            delivery.sent
        )
        .into());
    }
    Ok(Published {
        sent: delivery.sent,
        gone: delivery.gone,
        throttled: delivery.throttled,
        failed: delivery.failed,
        tasks: delivery.tasks,
    })
}
