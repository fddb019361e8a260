//! Notifications of SNS and messages of SQS that publish.

use super::Dispatcher;
use crate::app::backend::EventScope;
use crate::app::error::{PublishError, UnknownEvent};
use crate::app::lambda_response::LambdaResponse;
use crate::error::BoxError;
use crate::sender::Sender;
use serde::{Deserialize, Serialize};
use tracing::error;

/// A notification of SNS or a message of SQS.
#[derive(Deserialize)]
#[serde(from = "RecordFields")]
pub(super) enum Record {
    Sns {
        message: String,
    },
    Sqs {
        message_id: String,
        body: String,
        source: String,
    },
    Other,
}

/// The fields of all kinds of records. An untagged enum would make serde buffer them, which enlarges the program.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordFields {
    #[serde(rename = "Sns")]
    sns: Option<Notification>,
    message_id: Option<String>,
    body: Option<String>,
    #[serde(rename = "eventSourceARN")]
    source: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    message: String,
}

impl From<RecordFields> for Record {
    fn from(fields: RecordFields) -> Self {
        match (fields.sns, fields.message_id, fields.body) {
            (Some(Notification { message }), ..) => Self::Sns { message },
            (None, Some(message_id), Some(body)) => Self::Sqs {
                message_id,
                body,
                source: fields.source.unwrap_or_default(),
            },
            _ => Self::Other,
        }
    }
}

/// The answer to a batch of SQS: which of its messages failed.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    batch_item_failures: Vec<Failed>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    item_identifier: String,
}

impl Dispatcher {
    pub(super) async fn publish_records(
        &self,
        records: Vec<Record>,
        scope: &EventScope,
    ) -> Result<LambdaResponse, BoxError> {
        publish_all(&self.publisher(scope)?, records).await
    }
}

/// Publishes what stands in records, one after the other. A message of SQS that fails is named; any other
/// failure is the event's. If all messages of SQS fail, so does the event: without `ReportBatchItemFailures` Lambda
/// ignores the names and deletes every message of an invocation that succeeds (conformance K11).
async fn publish_all(sender: &Sender, records: Vec<Record>) -> Result<LambdaResponse, BoxError> {
    let mut batch = None;
    let mut stopped = false;
    let messages = records.len();
    let mut first = None;
    for record in records {
        match record {
            Record::Sns { message } => {
                sender.publish_wrapped(&message).await?;
            }
            Record::Sqs {
                message_id,
                body,
                source,
            } => {
                let batch: &mut Batch = batch.get_or_insert_default();
                let published = match stopped {
                    true => Err(PublishError::OutOfOrder.into()),
                    false => sender.publish_wrapped(&body).await,
                };
                if let Err(error) = published {
                    error!(
                        message = message_id,
                        error = &*error,
                        "a message is not published"
                    );
                    // A FIFO queue keeps its order only if nothing overtakes what failed.
                    stopped |= source.ends_with(".fifo");
                    batch.batch_item_failures.push(Failed {
                        item_identifier: message_id,
                    });
                    first.get_or_insert(error);
                }
            }
            Record::Other => return Err(UnknownEvent(None).into()),
        }
    }
    let failed = batch.as_ref().map(|batch| batch.batch_item_failures.len());
    match first {
        Some(first) if failed == Some(messages) => {
            Err(PublishError::Batch { messages, first }.into())
        }
        _ => LambdaResponse::json(&batch),
    }
}
