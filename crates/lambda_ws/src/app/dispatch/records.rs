//! SNS notifications and SQS messages that publish.

use super::{Dispatcher, InvocationContext};
use crate::app::backend::EventScope;
use crate::app::error::PublishError;
use crate::app::lambda_response::LambdaResponse;
use crate::error::BoxError;
use crate::event::EventSource;
use crate::sender::Sender;
use aws_lambda_events::streams::{SqsBatchItemFailure, SqsEventResponse};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use tracing::error;

/// A notification of SNS or a message of SQS.
pub(super) enum Record {
    Sns {
        message: String,
    },
    Sqs {
        message_id: String,
        body: String,
        source: String,
    },
}

/// The fields of all kinds of records. An untagged enum would make serde buffer them, which enlarges the program. The
/// types of `aws_lambda_events` require more fields than this library reads, such as the signature of a notification.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordFields {
    #[serde(alias = "EventSource")]
    event_source: Option<String>,
    #[serde(rename = "Sns")]
    sns: Option<Notification>,
    message_id: Option<String>,
    body: Option<String>,
    #[serde(rename = "eventSourceARN")]
    source_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    message: String,
}

impl RecordFields {
    /// The source of the record. Events that people write by hand may lack it.
    pub(super) fn source(&self) -> Option<EventSource> {
        let named = self.event_source.as_deref();
        match named {
            Some(named) => EventSource::of_records(named),
            None if self.sns.is_some() => Some(EventSource::Sns),
            None if self.body.is_some() && self.message_id.is_some() => Some(EventSource::Sqs),
            None => None,
        }
    }

    /// The record, if it may publish.
    pub(super) fn read(self) -> Option<Record> {
        match (self.sns, self.message_id, self.body) {
            (Some(Notification { message }), ..) => Some(Record::Sns { message }),
            (None, Some(message_id), Some(body)) => Some(Record::Sqs {
                message_id,
                body,
                source: self.source_arn.unwrap_or_default(),
            }),
            _ => None,
        }
    }
}

impl Record {
    /// The text that may contain `publish`.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Sns { message } => message,
            Self::Sqs { body, .. } => body,
        }
    }

    fn message_id(&self) -> Option<&str> {
        match self {
            Self::Sns { .. } => None,
            Self::Sqs { message_id, .. } => Some(message_id),
        }
    }

    /// Whether the record is of a queue that keeps an order.
    fn is_fifo(&self) -> bool {
        matches!(self, Self::Sqs { source, .. } if source.ends_with(".fifo"))
    }
}

/// A message of SQS that failed.
fn failed(message_id: &str) -> SqsBatchItemFailure {
    let mut failed = SqsBatchItemFailure::default();
    failed.item_identifier = Some(message_id.to_owned());
    failed
}

impl Dispatcher {
    /// Publishes the records. Those that do not publish are for the handler of their source, if there is one.
    pub(super) async fn records(
        &self,
        source: EventSource,
        records: Vec<Record>,
        json: Bytes,
        invocation: InvocationContext<'_>,
        scope: &EventScope,
    ) -> Result<LambdaResponse, BoxError> {
        if !self.router.handles(Some(source)) {
            return publish_all(&self.publisher(scope)?, records).await;
        }
        let (publishing, others): (Vec<_>, Vec<_>) =
            records.into_iter().partition(Record::publishes);
        if publishing.is_empty() {
            return self.trigger(Some(source), json, invocation, scope).await;
        }
        let sender = self.publisher(scope)?;
        if others.is_empty() {
            return publish_all(&sender, publishing).await;
        }
        let messages = publishing.len() + others.len();
        let is_fifo = others.iter().any(Record::is_fifo);
        let (mut failures, mut first) = publish_each(&sender, publishing).await?;
        let handled = match &first {
            // A FIFO queue keeps its order only if nothing overtakes what failed.
            Some(_) if is_fifo => Err(PublishError::OutOfOrder.into()),
            _ => {
                let event = without_publishing(&json)?;
                self.trigger(Some(source), event, invocation, scope).await
            }
        };
        match handled {
            handled if source == EventSource::Sns => return handled,
            Ok(LambdaResponse::Json(response)) => {
                // Lambda reads any other result as the success of all messages, too.
                let response = serde_json::from_str::<SqsEventResponse>(response.get());
                failures.extend(response.unwrap_or_default().batch_item_failures);
            }
            Ok(LambdaResponse::Proxy { .. }) => {}
            Err(error) => {
                error!(
                    error = &*error,
                    "the handler of the other messages of a batch failed"
                );
                failures.extend(others.iter().filter_map(Record::message_id).map(failed));
                first.get_or_insert(error);
            }
        }
        batch_result(failures, first, messages)
    }
}

/// The event without the records that publish, for a handler.
fn without_publishing(json: &[u8]) -> Result<Bytes, BoxError> {
    let mut event: Value = serde_json::from_slice(json)?;
    if let Some(records) = event["Records"].as_array_mut() {
        records.retain(|record| {
            let fields = RecordFields::deserialize(record).ok();
            let record = fields.and_then(RecordFields::read);
            !record.is_some_and(|record| record.publishes())
        });
    }
    Ok(serde_json::to_vec(&event)?.into())
}

/// Publishes what stands in records, one after the other. A message of SQS that fails is named; any other
/// failure is the event's.
async fn publish_all(sender: &Sender, records: Vec<Record>) -> Result<LambdaResponse, BoxError> {
    let messages = records.len();
    let is_batch = records.iter().any(|record| record.message_id().is_some());
    let (failures, first) = publish_each(sender, records).await?;
    match is_batch {
        true => batch_result(failures, first, messages),
        false => LambdaResponse::json(&()),
    }
}

/// The result of a batch of SQS: which of its messages failed. If all failed, so does the event: without
/// `ReportBatchItemFailures` Lambda ignores the names and deletes every message of an invocation that succeeds
/// (conformance K11).
fn batch_result(
    failures: Vec<SqsBatchItemFailure>,
    first: Option<BoxError>,
    messages: usize,
) -> Result<LambdaResponse, BoxError> {
    match first {
        Some(first) if failures.len() == messages => {
            Err(PublishError::Batch { messages, first }.into())
        }
        _ => {
            let mut response = SqsEventResponse::default();
            response.batch_item_failures = failures;
            LambdaResponse::json(&response)
        }
    }
}

/// Publishes records. Returns which messages of SQS failed, and why the first of them did.
async fn publish_each(
    sender: &Sender,
    records: Vec<Record>,
) -> Result<(Vec<SqsBatchItemFailure>, Option<BoxError>), BoxError> {
    let mut failures = Vec::new();
    let mut stopped = false;
    let mut first = None;
    for record in records {
        let Some(message_id) = record.message_id() else {
            sender.publish_wrapped(record.text()).await?;
            continue;
        };
        let published = match stopped {
            true => Err(PublishError::OutOfOrder.into()),
            false => sender.publish_wrapped(record.text()).await,
        };
        if let Err(error) = published {
            error!(
                message = message_id,
                error = &*error,
                "a message is not published"
            );
            // A FIFO queue keeps its order only if nothing overtakes what failed.
            stopped |= record.is_fifo();
            failures.push(failed(message_id));
            first.get_or_insert(error);
        }
    }
    Ok((failures, first))
}
