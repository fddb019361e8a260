//! A handler at work.

use super::aggregates::Label;
use super::kind::Metric;
use super::{Metrics, millis};
use crate::event::Opened;
use crate::response::Response;
use std::sync::Arc;
use std::time::Instant;

/// A handler at work: how long it takes, and whether it fails. One that panics fails.
pub(crate) struct HandlerTimer {
    metrics: Arc<Metrics>,
    began: Instant,
    route: Option<Label>,
    failed: bool,
}

impl HandlerTimer {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            began: Instant::now(),
            route: None,
            failed: false,
        }
    }

    /// It is the handler of this route, one that the router knows, and works on a message, or on
    /// something else.
    pub(crate) fn at(&mut self, route: &str, is_message: bool) {
        let route = Label::Route(route.to_owned());
        if is_message {
            let mut tally = self.metrics.tally();
            tally.add(route.clone(), Metric::Messages, 1);
        }
        self.route = Some(route);
    }

    /// It has ended.
    pub(crate) fn ends(mut self, response: &Response) {
        let greets = matches!(&self.route, Some(Label::Route(route)) if route == Opened::ROUTE);
        self.failed = response.error().is_some_and(|error| {
            // Who leaves before being greeted is no failure of the handler.
            !(error.is_client() || greets && error.is_gone())
        });
    }
}

impl Drop for HandlerTimer {
    fn drop(&mut self) {
        let Some(route) = self.route.take() else {
            return;
        };
        let time = millis(self.began.elapsed());
        let mut tally = self.metrics.tally();
        let failed = u64::from(self.failed || std::thread::panicking());
        // Also 0, so that there is a rate.
        tally.add(route.clone(), Metric::Failures, failed);
        tally.note(route, Metric::HandlerTime, time);
    }
}
