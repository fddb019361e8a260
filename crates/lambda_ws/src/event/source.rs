//! The sources of events that do not come from a connection.

use std::fmt;

/// The source of an event that does not come from a connection: which of a function's triggers sent it.
///
/// [`Router::on`](crate::Router::on) takes one. Events of other sources, and direct invocations, are for
/// [`Router::event`](crate::Router::event).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventSource {
    /// A schedule: a rule of EventBridge with a rate or a cron expression, or EventBridge Scheduler without an input of
    /// its own. The event has the `detail-type` `Scheduled Event`.
    Schedule,
    /// Any other event of an EventBridge bus. It has a `source` and a `detail-type`.
    EventBridge,
    /// S3 (`aws:s3`), if the bucket notifies the function itself. By EventBridge it is [`EventBridge`](Self::EventBridge).
    S3,
    /// Messages of an SQS queue (`aws:sqs`).
    Sqs,
    /// Notifications of an SNS topic (`aws:sns`).
    Sns,
    /// The stream of a DynamoDB table (`aws:dynamodb`).
    DynamoDb,
    /// A Kinesis stream (`aws:kinesis`).
    Kinesis,
}

impl EventSource {
    /// The source of records, by the `eventSource` that AWS gives each of them.
    pub(crate) fn of_records(event_source: &str) -> Option<Self> {
        Some(match event_source {
            "aws:s3" => Self::S3,
            "aws:sqs" => Self::Sqs,
            "aws:sns" => Self::Sns,
            "aws:dynamodb" => Self::DynamoDb,
            "aws:kinesis" => Self::Kinesis,
            _ => return None,
        })
    }

    /// The source of an event with a `source` and a `detail-type`.
    pub(crate) fn of_event_bridge(source: &str, detail_type: &str) -> Self {
        match (source, detail_type) {
            ("aws.events" | "aws.scheduler", "Scheduled Event") => Self::Schedule,
            _ => Self::EventBridge,
        }
    }

    /// The name in place of a route key, in metrics.
    pub(crate) fn route(self) -> &'static str {
        match self {
            Self::Schedule => "$schedule",
            Self::EventBridge => "$eventbridge",
            Self::S3 => "$s3",
            Self::Sqs => "$sqs",
            Self::Sns => "$sns",
            Self::DynamoDb => "$dynamodb",
            Self::Kinesis => "$kinesis",
        }
    }
}

/// The name of the variant, as programs write it.
impl fmt::Display for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
