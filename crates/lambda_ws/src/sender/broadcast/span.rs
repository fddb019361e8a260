//! The OpenTelemetry span of a broadcast.

use super::super::Delivery;
use crate::error::SendError;
use crate::otel::Child;
use crate::store::Scope;
use crate::task::Remaining;
use opentelemetry::KeyValue;
use std::future::Future;

/// The span of a broadcast. It is empty if the current event is not sampled.
pub(super) struct BroadcastSpan(Option<Child>);

impl BroadcastSpan {
    pub(super) fn begin(work: &Remaining) -> Self {
        // The names of rooms and users are the program's data.
        let scope = match work.scope {
            Scope::Everyone => "everyone",
            Scope::Room(_) => "room",
            Scope::User(_) => "user",
        };
        let operation = match work.is_message() {
            true => "send",
            false => "close",
        };
        let attributes = || {
            vec![
                KeyValue::new("messaging.system", "websocket"),
                KeyValue::new("messaging.operation.name", operation),
                KeyValue::new("messaging.operation.type", "send"),
                KeyValue::new("lambda_ws.broadcast.scope", scope),
            ]
        };
        Self(Child::broadcast(
            || format!("{operation} {scope}").into(),
            attributes,
        ))
    }

    /// Runs the broadcast.
    pub(super) async fn run(
        self,
        work: impl Future<Output = Result<Delivery, SendError>>,
    ) -> Result<Delivery, SendError> {
        let Some(span) = self.0 else {
            return work.await;
        };
        let delivery = span.run(work).await;
        if let Ok(delivery) = &delivery {
            for (name, count) in [
                ("messaging.batch.message_count", delivery.audience()),
                ("lambda_ws.broadcast.sent", delivery.sent),
                ("lambda_ws.broadcast.gone", delivery.gone),
                ("lambda_ws.broadcast.throttled", delivery.throttled),
                ("lambda_ws.broadcast.failed", delivery.failed),
                ("lambda_ws.broadcast.tasks", delivery.tasks),
            ] {
                span.count(name, count);
            }
        }
        span.end(delivery.as_ref().err());
        delivery
    }
}
