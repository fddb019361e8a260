//! SNS notifications and SQS messages that publish.

use super::Dispatcher;
use crate::app::backend::EventScope;
use crate::app::error::{PublishError, UnknownEvent};
use crate::app::lambda_response::LambdaResponse;
use crate::error::BoxError;
use crate::sender::Sender;
use serde::{Deserialize, Serialize};
use tracing::error;

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

/// The response to an SQS batch: its failed messages.
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

/// Publishes the content of records in order. The response names failed SQS messages. Any other failure fails the
/// event. If all SQS messages fail, the event fails: without `ReportBatchItemFailures` Lambda ignores the names and
/// deletes every message of a successful invocation (conformance K11).
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
                        "an SQS message could not be published"
                    );
                    // A FIFO queue keeps its order only if no message overtakes the failed one.
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
