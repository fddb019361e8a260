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
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Sink = dyn Fn(&str) + Send + Sync;

/// The metrics of a function. At the end of each event they are written to Lambda's logs as a line in CloudWatch's
/// embedded metric format, or as several lines for several routes.
pub(crate) struct Metrics {
    dimensions: Dimensions,
    /// What was counted outside of events: at the start, and by work that outlived its event. It is written with the
    /// next event that ends.
    outside: Mutex<Aggregates>,
    sink: Box<Sink>,
}

/// The metrics of one event. Several events may run at once, and each has lines of its own.
pub(crate) struct EventMetrics {
    function: Arc<Metrics>,
    /// `None` once they are written.
    aggregates: Mutex<Option<Aggregates>>,
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
            outside: Mutex::default(),
            sink: Box::new(sink),
        }
    }

    /// Counts the start of the program, which took so long.
    pub(crate) fn started(&self, time: Duration) {
        let mut outside = lock(&self.outside);
        outside.add(Label::Nothing, Metric::ColdStarts, 1);
        outside.value(Label::Nothing, Metric::InitTime, millis(time));
    }

    /// Begins the metrics of an event.
    pub(crate) fn event(self: &Arc<Self>) -> Arc<EventMetrics> {
        Arc::new(EventMetrics {
            function: self.clone(),
            aggregates: Mutex::new(Some(Aggregates::default())),
        })
    }
}

impl EventMetrics {
    /// Counts one.
    pub(crate) fn count(&self, metric: Metric) {
        self.add(metric, 1);
    }

    pub(crate) fn add(&self, metric: Metric, count: u64) {
        self.change(|all| all.add(Label::Nothing, metric, count));
    }

    pub(crate) fn value(&self, metric: Metric, value: f64) {
        self.change(|all| all.value(Label::Nothing, metric, value));
    }

    pub(crate) fn time(&self, metric: Metric, time: Duration) {
        self.value(metric, millis(time));
    }

    pub(crate) fn message(&self, route: &str) {
        let label = Label::Route(route.to_owned());
        self.change(|all| all.add(label, Metric::Messages, 1));
    }

    pub(crate) fn handled(&self, route: String, time: Duration, failed: bool) {
        let label = Label::Route(route);
        self.change(|all| {
            // Also 0, so that there is a rate.
            all.add(label.clone(), Metric::Failures, failed.into());
            all.value(label, Metric::HandlerTime, millis(time));
        });
    }

    pub(crate) fn disconnect(&self, code: Option<u16>) {
        let label = Label::Code(aggregates::code(code));
        self.change(|all| all.add(label, Metric::Disconnects, 1));
    }

    /// Returns a guard that writes the metrics when it is dropped, also after a panic.
    pub(crate) fn line<'a>(&'a self, clock: &'a dyn Clock) -> FlushGuard<'a> {
        FlushGuard {
            metrics: self,
            clock,
        }
    }

    /// Changes the counts of the event, or of the function if the event has ended.
    fn change(&self, change: impl FnOnce(&mut Aggregates)) {
        match &mut *lock(&self.aggregates) {
            Some(aggregates) => change(aggregates),
            None => change(&mut lock(&self.function.outside)),
        }
    }
}

pub(crate) struct FlushGuard<'a> {
    metrics: &'a EventMetrics,
    clock: &'a dyn Clock,
}

impl Drop for FlushGuard<'_> {
    fn drop(&mut self) {
        let function = &self.metrics.function;
        let mut all = std::mem::take(&mut *lock(&function.outside));
        all.merge(lock(&self.metrics.aggregates).take().unwrap_or_default());
        let now = self.clock.now();
        for document in document::documents(&function.dimensions, &all, now) {
            (function.sink)(&document);
        }
    }
}

fn millis(time: Duration) -> f64 {
    // A finer resolution is not needed.
    time.as_micros() as f64 / 1000.0
}
