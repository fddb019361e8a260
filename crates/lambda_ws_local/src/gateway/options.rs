//! How a gateway behaves where AWS leaves room, or a test needs it.

use super::Observed;
use crate::guard::Guard;
use lambda_ws::{Timestamp, limits};
use std::sync::Arc;
use std::time::Duration;

/// The present, as events write it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Who is told what the gateway does; called on the gateway's own tasks, so it must not block.
pub type Observer = Arc<dyn Fn(&Observed<'_>) + Send + Sync>;

/// What the management API answers to a post for a live connection, instead of sending it: on AWS
/// this happens now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is said to be gone (410).
    Gone,
    /// The account is said to send too much (429).
    Throttled,
    /// The API fails (500).
    Failing,
}

/// Which posts fail; asked once for each, with the connection's id.
pub type Faults = Arc<dyn Fn(&str) -> Option<Fault> + Send + Sync>;

/// How a gateway behaves; [`Options::default`] is like AWS.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// How long a connection may be without a message in either direction (conformance F5).
    pub idle_timeout: Duration,
    /// How long a connection lives at most (conformance F6).
    pub connection_duration: Duration,
    /// Whether a client's pings count as life (conformance F7: unknown on AWS, no by default).
    pub pings_reset_idle: bool,
    /// How long a client may take to send the head of its first request.
    pub head_timeout: Duration,
    /// How long a client may take to answer a close frame, and to read what comes before it.
    pub close_timeout: Duration,
    /// How long a shutdown waits for close frames to be answered and `$disconnect` to be handled.
    pub shutdown_timeout: Duration,
    /// How many bytes may wait for a client that does not read (conformance G6).
    pub outbox_bytes: usize,
    /// How many messages may wait for a client that does not read (conformance G6).
    pub outbox_messages: usize,
    /// How many messages of one connection may be with their integrations (conformance F8) before
    /// the gateway stops to read more.
    pub in_flight: usize,
    /// Who may call the management API.
    pub guard: Guard,
    /// The clock of events; timers are those of tokio.
    pub clock: Clock,
    /// Where ids come from.
    pub random: fastrand::Rng,
    /// Which posts to live connections fail; none by default.
    pub faults: Option<Faults>,
    /// Who is told what happens.
    pub observer: Option<Observer>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            idle_timeout: limits::IDLE_TIMEOUT,
            connection_duration: limits::CONNECTION_DURATION,
            pings_reset_idle: false,
            head_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            shutdown_timeout: Duration::from_secs(5),
            outbox_bytes: 1024 * 1024,
            outbox_messages: 4096,
            in_flight: 1000,
            guard: Guard::default(),
            clock: Arc::new(Timestamp::now),
            random: fastrand::Rng::new(),
            faults: None,
            observer: None,
        }
    }
}
