//! Metrics for CloudWatch.
//!
//! The crate `metrics_cloudwatch_embedded` and the `metrics` facade would set a recorder for the whole process, and
//! drop values beyond a document's limit. This module only needs the sums and values of one invocation.

mod aggregates;
mod document;
mod kind;
#[cfg(test)]
mod tests;

pub(crate) use kind::Metric;

use crate::clock::Clock;
use crate::sync::lock;
use aggregates::{Aggregates, Label};
use document::Dimensions;
use std::io::Write;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

type Sink = dyn Fn(&str) + Send + Sync;

/// The metrics of a function. At the end of each event they are written to Lambda's logs as a line in CloudWatch's
/// embedded metric format, or as several lines for several routes.
pub(crate) struct Metrics {
    dimensions: Dimensions,
    aggregates: Mutex<Aggregates>,
    sink: Box<Sink>,
}

impl Metrics {
    /// Creates the metrics of a function in a namespace, written to standard output.
    pub(crate) fn new(namespace: String, function: Option<String>) -> Self {
        Self::written(namespace, function, |line| {
            // The lock keeps lines whole. A closed output is ignored.
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
            dimensions: Dimensions {
                namespace,
                function,
            },
            aggregates: Mutex::default(),
            sink: Box::new(sink),
        }
    }

    pub(crate) fn count(&self, metric: Metric) {
        self.add(metric, 1);
    }

    pub(crate) fn add(&self, metric: Metric, count: u64) {
        self.aggregates().add(Label::Nothing, metric, count);
    }

    pub(crate) fn value(&self, metric: Metric, value: f64) {
        self.aggregates().value(Label::Nothing, metric, value);
    }

    pub(crate) fn time(&self, metric: Metric, time: Duration) {
        self.value(metric, millis(time));
    }

    pub(crate) fn message(&self, route: &str) {
        let label = Label::Route(route.to_owned());
        self.aggregates().add(label, Metric::Messages, 1);
    }

    pub(crate) fn handled(&self, route: String, time: Duration, failed: bool) {
        let (label, mut aggregates) = (Label::Route(route), self.aggregates());
        // Zero counts too, so that CloudWatch can compute a rate.
        aggregates.add(label.clone(), Metric::Failures, failed.into());
        aggregates.value(label, Metric::HandlerTime, millis(time));
    }

    pub(crate) fn disconnect(&self, code: Option<u16>) {
        let label = Label::Code(aggregates::code(code));
        self.aggregates().add(label, Metric::Disconnects, 1);
    }

    /// Returns a guard that writes the metrics when it is dropped, also after a panic.
    pub(crate) fn line<'a>(&'a self, clock: &'a dyn Clock) -> FlushGuard<'a> {
        FlushGuard {
            metrics: self,
            clock,
        }
    }

    fn aggregates(&self) -> MutexGuard<'_, Aggregates> {
        lock(&self.aggregates)
    }
}

pub(crate) struct FlushGuard<'a> {
    metrics: &'a Metrics,
    clock: &'a dyn Clock,
}

impl Drop for FlushGuard<'_> {
    fn drop(&mut self) {
        let aggregates = std::mem::take(&mut *self.metrics.aggregates());
        let now = self.clock.now();
        for document in document::documents(&self.metrics.dimensions, &aggregates, now) {
            (self.metrics.sink)(&document);
        }
    }
}

fn millis(time: Duration) -> f64 {
    // A finer resolution is not needed.
    time.as_micros() as f64 / 1000.0
}
