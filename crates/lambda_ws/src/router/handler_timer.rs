//! The measurement of a handler's call.

use crate::event::Opened;
use crate::metrics::EventMetrics;
use crate::response::Response;
use std::sync::Arc;
use std::time::Instant;

/// Measures the duration of a handler and whether it fails. A panic counts as a failure.
pub(crate) struct HandlerTimer {
    metrics: Arc<EventMetrics>,
    began: Instant,
    route: String,
    failed: bool,
}

impl HandlerTimer {
    /// Begins the call of the handler of a route.
    pub(crate) fn new(metrics: Arc<EventMetrics>, route: &str) -> Self {
        Self {
            metrics,
            began: Instant::now(),
            route: route.to_owned(),
            failed: false,
        }
    }

    pub(super) fn end(mut self, response: &Response) {
        self.failed = response.error().is_some_and(|error| {
            // A client that disconnects before its welcome message is not a failure of the handler.
            !(error.is_client() || self.route == Opened::ROUTE && error.is_gone())
        });
    }
}

impl Drop for HandlerTimer {
    fn drop(&mut self) {
        let failed = self.failed || std::thread::panicking();
        let route = std::mem::take(&mut self.route);
        self.metrics.handled(route, self.began.elapsed(), failed);
    }
}
