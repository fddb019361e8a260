//! The attempts to reach one connection.

use super::Sender;
use crate::ConnectionId;
use crate::backoff::{Backoff, Jitter};
use crate::error::SendError;
use crate::payload::Payload;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{info, warn};

/// The pauses before retries of transient failures: 50, 200 and 600 ms.
const BACKOFF: Backoff = Backoff::new(50, 4, 600, 3, Jitter::Half);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// A message: the buffer of its client may be full.
    Post,
    /// Any other request. It is independent of the client.
    Other,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Attempts {
    request: RequestKind,
    began: Instant,
    was_throttled: bool,
    backoff: Backoff,
    at_once: bool,
}

impl Attempts {
    pub(super) fn new(request: RequestKind) -> Self {
        Self {
            request,
            began: Instant::now(),
            was_throttled: false,
            backoff: BACKOFF,
            at_once: false,
        }
    }

    /// Returns the pause before the next attempt, or `None` after the last one.
    fn another(&mut self, failure: &SendError) -> Option<Duration> {
        if !failure.is_passing() {
            return None;
        }
        if matches!(failure, SendError::Unavailable(_)) && !self.at_once {
            // After a freeze all pooled sockets may be dead, so retry at once with a new one.
            self.at_once = true;
            return Some(Duration::ZERO);
        }
        self.backoff.next()
    }
}

impl Sender {
    /// Records the outcome of an attempt. Returns the pause before the next attempt, or `None` without one.
    pub(super) fn another<T>(
        &self,
        id: &ConnectionId,
        attempts: &mut Attempts,
        outcome: &Result<T, SendError>,
    ) -> Option<Duration> {
        let (rate_limiter, now) = (&self.0.rate_limiter, Instant::now());
        let is_post = attempts.request == RequestKind::Post;
        let failure = match outcome {
            Ok(_) => {
                rate_limiter.sent(id, attempts.began, attempts.was_throttled, now);
                if is_post {
                    rate_limiter.slow().remove(id);
                }
                return None;
            }
            Err(SendError::Gone) => {
                rate_limiter.answered(now);
                return None;
            }
            Err(failure) => failure,
        };
        if !matches!(failure, SendError::Throttled) {
            return attempts.another(failure);
        }
        attempts.was_throttled = true;
        if is_post && rate_limiter.slow().throttled(id, now) {
            return None;
        }
        let another = attempts.another(failure);
        if another.is_none() && rate_limiter.exhausted(id, attempts.began, now) && is_post {
            info!(connection = %id, "a client does not read its messages: until it does, each message gets one attempt");
            rate_limiter.slow().add(id, now);
        }
        another
    }

    pub(super) async fn wait(&self, id: &ConnectionId, attempts: &Attempts, pause: Duration) {
        // The probe runs before the last pause, so that its result is known when the last attempt fails.
        let is_last = attempts.was_throttled && attempts.backoff.is_over();
        if is_last
            && self
                .0
                .rate_limiter
                .needs_probe(attempts.began, Instant::now())
        {
            // A client that does not read cannot fail this request.
            let probe = self.0.transport.inspect(id).await;
            if matches!(probe, Ok(_) | Err(SendError::Gone)) {
                self.0.rate_limiter.answered(Instant::now());
            }
        }
        self.pause(pause, id).await;
    }

    /// Posts a message once. Closes the connection if it has been slow for too long.
    pub(super) async fn post_once(
        &self,
        id: &ConnectionId,
        payload: &Payload,
    ) -> Result<(), SendError> {
        let posting = self.0.transport.post(id, payload);
        #[cfg(feature = "otel")]
        let posting = crate::otel::post(id, posting);
        let outcome = posting.await;
        if matches!(outcome, Err(SendError::Throttled)) {
            self.close_overdue(id).await;
        }
        outcome
    }

    async fn close_overdue(&self, id: &ConnectionId) {
        let (rate_limiter, now) = (&self.0.rate_limiter, Instant::now());
        if rate_limiter.is_throttled(now) || !rate_limiter.slow().is_overdue(id, now) {
            return;
        }
        rate_limiter.charge(now);
        match self.0.transport.close(id).await {
            Ok(()) | Err(SendError::Gone) => {
                info!(connection = %id, "a client did not read its messages and is disconnected");
                rate_limiter.slow().remove(id);
            }
            // The next message closes it.
            Err(error) => {
                warn!(connection = %id, error = &error as &dyn std::error::Error, "a slow client could not be disconnected");
            }
        }
    }
}
