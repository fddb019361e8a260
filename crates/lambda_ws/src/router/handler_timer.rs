//! The time that a handler takes, for metrics.

use crate::event::Opened;
use crate::metrics::Metrics;
use crate::response::Response;
use std::sync::Arc;
use std::time::Instant;

/// Measures how long a handler takes, and whether it fails. A handler that panics fails.
pub(crate) struct HandlerTimer {
    metrics: Arc<Metrics>,
    began: Instant,
    route: Option<String>,
    failed: bool,
}

impl HandlerTimer {
    pub(crate) fn new(metrics: &Arc<Metrics>) -> Self {
        Self {
            metrics: metrics.clone(),
            began: Instant::now(),
            route: None,
            failed: false,
        }
    }

    /// Sets the route, which the router has, and counts the message if there is one.
    pub(crate) fn at(&mut self, route: &str, is_message: bool) {
        if is_message {
            self.metrics.message(route);
        }
        self.route = Some(route.to_owned());
    }

    /// Notes the result of the handler.
    pub(crate) fn ends(mut self, response: &Response) {
        let greets = self.route.as_deref() == Some(Opened::ROUTE);
        self.failed = response.error().is_some_and(|error| {
            // A client that leaves before its welcome message is not a failure of the handler.
            !(error.is_client() || greets && error.is_gone())
        });
    }
}

impl Drop for HandlerTimer {
    fn drop(&mut self) {
        let Some(route) = self.route.take() else {
            return;
        };
        let failed = self.failed || std::thread::panicking();
        self.metrics.handled(route, self.began.elapsed(), failed);
    }
}
