//! What happens, counted for CloudWatch.
//!
//! A kept crate would impose a recorder on the whole process (`metrics_cloudwatch_embedded` and the `metrics`
//! facade), and drops the values beyond a document's limit. What is needed is small: sums and values of one
//! invocation, written at its end.

mod aggregates;
mod document;
mod kind;
mod sample;
#[cfg(test)]
mod tests;

pub(crate) use kind::Metric;

use crate::clock::Clock;
use crate::error::SendError;
use crate::sender::Delivery;
use aggregates::{Aggregates, Label};
use document::Scope;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Takes a line.
type Sink = dyn Fn(&str) + Send + Sync;

/// What happens, counted, and written as one line of CloudWatch's embedded metric format at the end of each
/// event: Lambda's logs are where CloudWatch finds it. Two lines, if it is about two routes.
pub(crate) struct Metrics {
    scope: Scope,
    tally: Mutex<Aggregates>,
    sink: Box<Sink>,
}

impl Metrics {
    /// Those of a function, in a namespace, written to standard output.
    pub(crate) fn new(namespace: String, function: Option<String>) -> Self {
        Self::written(namespace, function, |line| {
            // Whole lines, behind one another's. Who does not read them misses them.
            let mut stdout = std::io::stdout().lock();
            let _ = stdout.write_all(line.as_bytes());
            let _ = stdout.flush();
        })
    }

    fn written(
        namespace: String,
        function: Option<String>,
        sink: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Self {
            scope: Scope {
                namespace,
                function,
            },
            tally: Mutex::default(),
            sink: Box::new(sink),
        }
    }

    /// Counts one more.
    pub(crate) fn count(&self, metric: Metric) {
        self.tally().add(Label::Nothing, metric, 1);
    }

    /// Notes how long something took.
    pub(crate) fn time(&self, metric: Metric, time: Duration) {
        self.tally().note(Label::Nothing, metric, millis(time));
    }

    /// Counts the end of a connection.
    pub(crate) fn disconnect(&self, code: Option<u16>) {
        let label = Label::Code(aggregates::code(code));
        self.tally().add(label, Metric::Disconnects, 1);
    }

    /// Counts a message to one client.
    pub(crate) fn sent(&self, outcome: &Result<(), SendError>) {
        self.count(match outcome {
            Ok(()) => Metric::Sent,
            Err(SendError::Gone) => Metric::Gone,
            Err(SendError::Throttled) => Metric::Throttled,
            Err(_) => Metric::Failed,
        });
    }

    /// Counts a message to many.
    pub(crate) fn broadcast(&self, outcome: &Result<Delivery, SendError>, time: Duration) {
        let Ok(delivery) = outcome else {
            return self.count(Metric::Failed);
        };
        let mut tally = self.tally();
        for (metric, count) in [
            (Metric::Sent, delivery.sent),
            (Metric::Gone, delivery.gone),
            (Metric::Throttled, delivery.throttled),
            (Metric::Failed, delivery.failed),
        ] {
            tally.add(Label::Nothing, metric, count as u64);
        }
        let audience = delivery.audience() as f64;
        tally.note(Label::Nothing, Metric::Audience, audience);
        tally.note(Label::Nothing, Metric::BroadcastTime, millis(time));
    }

    /// Counts a message that a client sent to a route.
    pub(crate) fn message(&self, route: &str) {
        let route = Label::Route(route.to_owned());
        self.tally().add(route, Metric::Messages, 1);
    }

    /// Adds the call of a route's handler.
    pub(crate) fn handler(&self, route: String, time: Duration, failed: bool) {
        let route = Label::Route(route);
        let mut tally = self.tally();
        // Also 0, so that there is a rate.
        tally.add(route.clone(), Metric::Failures, failed.into());
        tally.note(route, Metric::HandlerTime, millis(time));
    }

    /// Writes what was counted, when this is dropped: also if the event ends in a panic.
    pub(crate) fn line<'a>(&'a self, clock: &'a dyn Clock) -> FlushGuard<'a> {
        FlushGuard {
            metrics: self,
            clock,
        }
    }

    fn tally(&self) -> MutexGuard<'_, Aggregates> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of an event.
pub(crate) struct FlushGuard<'a> {
    metrics: &'a Metrics,
    clock: &'a dyn Clock,
}

impl Drop for FlushGuard<'_> {
    fn drop(&mut self) {
        let tally = std::mem::take(&mut *self.metrics.tally());
        let now = self.clock.now();
        for document in document::documents(&self.metrics.scope, &tally, now) {
            (self.metrics.sink)(&document);
        }
    }
}

fn millis(time: Duration) -> f64 {
    // No clock that matters here is finer.
    time.as_micros() as f64 / 1000.0
}
