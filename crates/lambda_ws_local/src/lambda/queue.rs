//! The queue of asynchronous events.

use super::asynchronous::{Lost, Observer, Reason};
use super::report;
use super::target::Invocable;
use crate::function::{CallerTrace, InvokeError};
use crate::lock::lock;
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

/// The maximum number of events in flight. Lambda's queue has no such limit.
const EVENTS: usize = 10_000;

/// The maximum total size of these events, in bytes.
const BYTES: usize = 256 * 1024 * 1024;

/// The first delay after a throttle or an error that is not the function's. It doubles up to the longest.
const BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(5 * 60);

/// The events in flight. Each is a task that invokes the function and retries.
pub(super) struct Queue {
    retry_delay: Duration,
    observer: Option<Observer>,
    load: Mutex<Load>,
    closed: watch::Sender<bool>,
    /// Signals that the last event has ended.
    drained: Notify,
}

#[derive(Default)]
pub(super) struct Load {
    pub(super) events: usize,
    bytes: usize,
    closed: bool,
}

struct Place {
    queue: Arc<Queue>,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut load = self.queue.lock();
        load.events -= 1;
        load.bytes -= self.bytes;
        if load.events == 0 {
            self.queue.drained.notify_waiters();
        }
    }
}

impl Queue {
    pub(super) fn new(retry_delay: Duration, observer: Option<Observer>) -> Arc<Queue> {
        Arc::new(Queue {
            retry_delay,
            observer,
            load: Mutex::default(),
            closed: watch::Sender::new(false),
            drained: Notify::new(),
        })
    }

    /// Accepts an event. Returns false if the queue is full.
    pub(super) fn accept(
        self: &Arc<Self>,
        function: &Invocable,
        event: Bytes,
        request_id: String,
        trace: CallerTrace,
    ) -> bool {
        let bytes = event.len();
        let mut load = self.lock();
        if load.closed || load.events >= EVENTS || load.bytes + bytes > BYTES {
            return false;
        }
        load.events += 1;
        load.bytes += bytes;
        drop(load);
        let place = Place {
            queue: self.clone(),
            bytes,
        };
        let function = function.clone();
        tokio::spawn(async move {
            let queue = &place.queue;
            let mut closed = queue.closed.subscribe();
            tokio::select! {
                // The sender lives as long as the slot.
                _ = closed.wait_for(|closed| *closed) => {}
                () = trace.scope(queue.deliver(&function, event, &request_id)) => {}
            }
        });
        true
    }

    pub(super) async fn idle(&self) {
        loop {
            let drained = self.drained.notified();
            if self.lock().events == 0 {
                return;
            }
            drained.await;
        }
    }

    pub(super) fn close(&self) -> usize {
        let mut load = self.lock();
        load.closed = true;
        let lost = load.events;
        drop(load);
        self.closed.send_replace(true);
        lost
    }

    /// Invokes the function until the event has succeeded, failed for good, or expired.
    async fn deliver(&self, function: &Invocable, event: Bytes, request_id: &str) {
        let accepted = Instant::now();
        let (mut failures, mut refusals) = (0, 0);
        loop {
            let answer = function.target.invoke(event.clone(), request_id).await;
            let Err(error) = answer else { return };
            if matches!(error, InvokeError::Stopped) {
                return;
            }
            let lose = |reason| {
                if let Some(observer) = &self.observer {
                    observer(&Lost {
                        function: &function.name,
                        request_id,
                        reason,
                        attempts: failures + refusals + 1,
                        error: &error,
                    });
                }
            };
            let pause = if report::is_the_functions(&error) {
                if failures >= function.asynchronous.retries {
                    return lose(Reason::RetriesExhausted);
                }
                self.retry_delay.saturating_mul(failures + 1)
            } else {
                BACK_OFF
                    .saturating_mul(1 << refusals.min(16))
                    .min(LONGEST_BACK_OFF)
            };
            // There will be no retry after the delay, so report the loss now.
            if accepted.elapsed().saturating_add(pause) > function.asynchronous.age {
                return lose(Reason::EventAgeExceeded);
            }
            if report::is_the_functions(&error) {
                failures += 1;
            } else {
                refusals += 1;
            }
            sleep(pause).await;
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Load> {
        lock(&self.load)
    }
}
