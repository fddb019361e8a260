//! Messages that other programs publish through the function.

use super::Dispatcher;
use super::records::Record;
use crate::Position;
use crate::app::backend::EventScope;
use crate::app::error::PublishError;
use crate::app::lambda_response::LambdaResponse;
use crate::error::{BoxError, SendError};
use crate::payload::{IntoPayload, Payload};
use crate::sender::{Delivery, Sender};
use crate::store::StoreError;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;
use tracing::error;

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

/// Returns the value of a present member, also `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Published {
    sent: usize,
    gone: usize,
    throttled: usize,
    failed: usize,
    /// The position in the log of the room, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    #[serde(skip_serializing_if = "is_none")]
    tasks: usize,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// The maximum number of envelopes around `publish`: EventBridge in SNS in SQS has three.
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

    /// Publishes the content of a `publish` event through a sender, for an admin event.
    pub(super) fn publish_through(
        sender: Sender,
        publish: Box<RawValue>,
    ) -> BoxFuture<'static, Result<Box<RawValue>, BoxError>> {
        Box::pin(async move { Ok(to_raw_value(&sender.publish(publish.get()).await?)?) })
    }

    pub(super) fn publisher(&self, scope: &EventScope) -> Result<Sender, PublishError> {
        let sender = self.backend.sender_without_event(scope);
        sender.ok_or(PublishError::NoEndpoint)
    }
}

impl Record {
    /// Whether the text contains `publish`, valid or not.
    pub(super) fn publishes(&self) -> bool {
        unwrapped(self.text()).is_ok_and(|publish| publish.is_some())
    }
}

impl Sender {
    async fn publish(&self, json: &str) -> Result<Published, BoxError> {
        let publish: Publish<'_> = serde_json::from_str(json).map_err(invalid)?;
        let data = publish.data.ok_or_else(|| invalid("`data` is missing"))?;
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
            _ => {
                return Err(
                    invalid("expected exactly one of room, user, connection and everyone").into(),
                );
            }
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
                    "the message is in the log of its room, but the broadcast failed"
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
                sent, "the time did not suffice to broadcast the message to all members"
            );
        }
        Ok(Published {
            position,
            ..counts(&delivery)
        })
    }

    /// Publishes the content of a notification or a message.
    pub(super) async fn publish_wrapped(&self, text: &str) -> Result<Published, BoxError> {
        let problem = match unwrapped(text) {
            Ok(Some(publish)) => return self.publish(&publish).await,
            Ok(None) => "`publish` is missing".to_owned(),
            Err(error) => error.to_string(),
        };
        let problem = format!("{problem}, and the router has no `Router::on` for other records");
        Err(invalid(problem).into())
    }
}

/// What stands behind `publish` in the text of a notification or a message, out of its envelopes.
fn unwrapped(text: &str) -> Result<Option<String>, serde_json::Error> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..ENVELOPES {
        let envelope: Envelope<'_> = serde_json::from_str(&text)?;
        text = match envelope {
            Envelope {
                publish: Some(publish),
                ..
            } => return Ok(Some(publish.get().to_owned())),
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
    Ok(None)
}

/// What a message may be wrapped in.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    publish: Option<&'a RawValue>,
    #[serde(rename = "Message")]
    message: Option<String>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

/// Returns the event's error if the event names an impossible room, user or connection.
fn of_input(error: SendError) -> BoxError {
    match error {
        SendError::Store(error @ StoreError::BadName(_)) => invalid(error).into(),
        error => error.into(),
    }
}

/// Returns a JSON string as text, and any other value as JSON.
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
