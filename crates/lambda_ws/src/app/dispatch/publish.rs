//! What others publish through the function.

use super::Dispatcher;
use crate::Position;
use crate::app::backend::EventScope;
use crate::app::error::PublishError;
use crate::app::lambda_response::LambdaResponse;
use crate::error::{BoxError, SendError};
use crate::payload::{IntoPayload, Payload};
use crate::sender::{Delivery, Sender};
use crate::store::StoreError;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use tracing::error;

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
    /// The position in the log of the room, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    /// How many tasks go on.
    #[serde(skip_serializing_if = "is_none")]
    tasks: usize,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// How many envelopes around `publish` are opened: EventBridge in SNS in SQS has three.
const ENVELOPES: usize = 4;

fn invalid(problem: impl ToString) -> PublishError {
    PublishError::Invalid(problem.to_string())
}

impl Dispatcher {
    pub(super) async fn publish(
        &self,
        json: &RawValue,
        scope: &EventScope,
    ) -> Result<LambdaResponse, BoxError> {
        let published = self.publisher(scope)?.publish(json.get()).await?;
        LambdaResponse::json(&published)
    }

    pub(super) fn publisher(&self, scope: &EventScope) -> Result<Sender, PublishError> {
        let sender = self.backend.sender_without_event(scope);
        sender.ok_or(PublishError::NoEndpoint)
    }
}

impl Sender {
    /// Publishes what stands behind `publish`.
    async fn publish(&self, json: &str) -> Result<Published, BoxError> {
        let publish: Publish<'_> = serde_json::from_str(json).map_err(invalid)?;
        let data = publish.data.ok_or_else(|| invalid("no data"))?;
        if let Publish {
            room: Some(room),
            user: None,
            connection: None,
            everyone: None,
            ..
        } = &publish
            && self
                .histories()
                .is_some_and(|found| found.of(room).is_some())
        {
            return self.publish_to_log(room, data).await;
        }
        let payload = payload(data)?;
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
                    Err(error) => return Err(of_input(error)),
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
            _ => return Err(invalid("to whom is not clear").into()),
        };
        published(audience.send(payload).await.map_err(of_input)?)
    }

    /// Publishes to a room with history. The event succeeds once the message is in the log, because a repeated event
    /// would append it again.
    async fn publish_to_log(&self, room: &str, data: &RawValue) -> Result<Published, BoxError> {
        let publication = match self.room(room).publish_json(data).await {
            Ok(publication) => publication,
            Err(SendError::NotBroadcast { position, source }) => {
                error!(
                    room,
                    error = &*source as &dyn std::error::Error,
                    "a message is in the log of its room, and is not broadcast"
                );
                return Ok(Published {
                    position: Some(position),
                    ..Published::default()
                });
            }
            Err(error) => return Err(of_input(error)),
        };
        let (delivery, position) = (publication.delivery, publication.position);
        if delivery.rest.is_some() {
            let sent = delivery.sent;
            error!(
                room,
                sent, "there was not time to broadcast a message to all members"
            );
        }
        Ok(Published {
            position,
            ..counts(&delivery)
        })
    }

    /// Publishes what stands in the text of a notification or a message.
    pub(super) async fn publish_wrapped(&self, text: &str) -> Result<Published, BoxError> {
        let mut text = std::borrow::Cow::Borrowed(text);
        for _ in 0..ENVELOPES {
            let envelope: Envelope<'_> = serde_json::from_str(&text).map_err(invalid)?;
            text = match envelope {
                Envelope {
                    publish: Some(publish),
                    ..
                } => return self.publish(publish.get()).await,
                Envelope {
                    message: Some(message),
                    ..
                } => message.into(),
                Envelope {
                    detail: Some(detail),
                    ..
                } => detail.get().to_owned().into(),
                _ => break,
            };
        }
        Err(invalid("nothing to publish").into())
    }
}

/// What a message may be wrapped in.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    publish: Option<&'a RawValue>,
    /// Of a notification of SNS.
    #[serde(rename = "Message")]
    message: Option<String>,
    /// Of an event of EventBridge.
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

/// The error of a send, as the error of the event that names a room, a user or a connection which cannot exist.
fn of_input(error: SendError) -> BoxError {
    match error {
        SendError::Store(error @ StoreError::BadName(_)) => invalid(error).into(),
        error => error.into(),
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
        let sent = delivery.sent;
        return Err(PublishError::Incomplete { sent }.into());
    }
    Ok(counts(&delivery))
}

fn counts(delivery: &Delivery) -> Published {
    Published {
        sent: delivery.sent,
        gone: delivery.gone,
        throttled: delivery.throttled,
        failed: delivery.failed,
        position: None,
        tasks: delivery.tasks,
    }
}
