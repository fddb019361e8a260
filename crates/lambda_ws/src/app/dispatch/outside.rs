//! Events that are none of an API.

use super::publish::PublishError;
use super::{Dispatcher, InvocationContext, SETTLE, UnknownEvent};
use crate::app::backend::Particulars;
use crate::app::lambda_response::LambdaResponse;
use crate::error::BoxError;
use crate::sender::{Cleanup, Sender};
use crate::task::Task;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing::{Instrument, error, error_span};

/// An event of no API: a task, something to publish, or several such.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outside<'a> {
    #[serde(borrow)]
    lambda_ws_task: Option<&'a RawValue>,
    #[serde(borrow)]
    publish: Option<&'a RawValue>,
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
    /// Of EventBridge.
    #[serde(borrow)]
    detail: Option<Detail<'a>>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow)]
    publish: Option<&'a RawValue>,
}

/// A notification of SNS or a message of SQS.
#[derive(Deserialize)]
#[serde(untagged)]
enum Record {
    Sns {
        #[serde(rename = "Sns")]
        sns: Notification,
    },
    #[serde(rename_all = "camelCase")]
    Sqs {
        message_id: String,
        body: String,
        #[serde(rename = "eventSourceARN", default)]
        source: String,
    },
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    message: String,
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
    /// The response to an event of no API.
    pub(super) async fn outside(
        &self,
        json: &str,
        occasion: InvocationContext<'_>,
    ) -> Result<LambdaResponse, BoxError> {
        let span = error_span!(
            "outside",
            requestId = occasion.request_id,
            xrayTraceId = occasion.trace_id
        );
        self.answer_outside(json, occasion).instrument(span).await
    }

    async fn answer_outside(
        &self,
        json: &str,
        occasion: InvocationContext<'_>,
    ) -> Result<LambdaResponse, BoxError> {
        let outside: Result<Outside<'_>, _> = serde_json::from_str(json);
        let outside = outside.map_err(UnknownEvent::because)?;
        let cleanup = Cleanup::beside();
        let reply = async {
            if let Some(task) = outside.lambda_ws_task {
                let task = Task::read(task.get())?;
                return self.task(task, occasion, cleanup.clone()).await;
            }
            let publish = outside.publish.or(outside.detail.and_then(|d| d.publish));
            if let Some(publish) = publish {
                let sender = self.publisher(occasion, cleanup.clone())?;
                let outcome = sender.publish(publish.get()).await?;
                return LambdaResponse::json(&outcome);
            }
            match outside.records {
                Some(records) if !records.is_empty() => {
                    let sender = self.publisher(occasion, cleanup.clone())?;
                    publish_all(&sender, records).await
                }
                _ => Err(UnknownEvent(None).into()),
            }
        };
        let reply = reply.await;
        cleanup.settle(SETTLE).await;
        if self.backend.presences().has_changes() {
            self.settle_presences(occasion).await;
        }
        reply
    }

    fn publisher(
        &self,
        occasion: InvocationContext<'_>,
        cleanup: Cleanup,
    ) -> Result<Sender, BoxError> {
        let particulars = Particulars {
            deadline: occasion.deadline,
            ..Particulars::default()
        };
        let sender = self.backend.sender_without_event(cleanup, particulars);
        sender.ok_or_else(|| PublishError::NoEndpoint.into())
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
            Record::Sns { sns } => {
                sender.publish_wrapped(&sns.message).await?;
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
            Record::Other(_) => return Err(UnknownEvent(None).into()),
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
