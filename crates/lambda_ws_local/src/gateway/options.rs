//! The settings of a gateway that AWS does not document, or that tests need.

use super::http::Tls;
use super::throttle::Throttle;
use super::time::Time;
use crate::activity::Observers;
use crate::faults;
use crate::guard::Guard;
use crate::session_tokens::SessionTokens;
use http::Method;
use lambda_ws_protocol::event::EventShape;
use lambda_ws_protocol::sigv4::Credentials;
use lambda_ws_protocol::{Timestamp, limits};
use std::sync::Arc;
use std::time::Duration;

/// The source of the current time, for events.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// An injected failure of a post to an open connection, as AWS occasionally reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The API reports the connection as gone (410).
    Gone,
    /// The API reports that the rate limit is exceeded (429).
    Throttled,
    /// The API fails (500).
    Failing,
}

/// The failures of posts to open connections, for deterministic tests. It is called once per post, with the
/// connection's id. For random faults see [`Options::faults`].
pub type Script = Arc<dyn Fn(&str) -> Option<Fault> + Send + Sync>;

/// The settings of a gateway. [`Options::default`] is like AWS, but without its rate limits.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The maximum time of a connection without a message in either direction (conformance F5).
    pub idle_timeout: Duration,
    /// The maximum lifetime of a connection (conformance F6).
    pub connection_duration: Duration,
    /// Whether a client's pings reset the idle timeout (conformance F7: unknown on AWS, no by default).
    pub pings_reset_idle: bool,
    /// The timeout of the head of a client's first request.
    pub head_timeout: Duration,
    /// The timeout of a client's close frame, and of the messages before it.
    pub close_timeout: Duration,
    /// How long a shutdown waits for the next connection to end, with its close frame and its `$disconnect`. In total
    /// it takes at most twelve times as long.
    pub shutdown_timeout: Duration,
    /// The maximum number of bytes that wait for a client that does not read (conformance G6).
    pub outbox_bytes: usize,
    /// The maximum number of messages that wait for a client that does not read (conformance G6).
    pub outbox_messages: usize,
    /// The maximum number of messages of one connection in flight (conformance F8). At the limit the gateway stops
    /// reading.
    pub in_flight: usize,
    /// The rate limits; none by default, unlike on AWS.
    pub throttle: Throttle,
    /// The shape of events (conformance C1).
    pub event_shape: EventShape,
    /// Whether a post to a connection from its own `$connect` hangs until that has ended, as older reports describe,
    /// and then fails (conformance G7).
    pub own_post_hangs: bool,
    /// The maximum total size of these messages, in bytes. At the limit the gateway stops reading.
    pub in_flight_bytes: usize,
    /// The certificate of `wss://` and `https://`. Without one the gateway serves `ws://` and `http://`.
    pub tls: Option<Tls>,
    /// The origins and hosts that may call the management API.
    pub guard: Guard,
    /// The credentials that verify calls of the management API (conformance G3) and handshakes of an
    /// [`Authorization::Iam`](super::Authorization::Iam) API (conformance B9). By default no signature is verified.
    pub credentials: Option<Credentials>,
    /// The Region of the API and of signatures; us-east-1 by default.
    pub region: String,
    /// The account of the API; 000000000000 by default.
    pub account_id: String,
    /// The methods of the management API for which the function lacks the permission `execute-api:ManageConnections`
    /// (conformance G3); none by default.
    pub denied: Vec<Method>,
    /// The clock of events.
    pub clock: Clock,
    /// The source of ids.
    pub random: fastrand::Rng,
    /// The time of the idle timeout and the maximum lifetime.
    pub time: Time,
    /// The random faults; none by default.
    pub faults: faults::Faults,
    /// The failures of posts to open connections; none by default.
    pub script: Option<Script>,
    /// The observers of the gateway; none by default.
    pub observers: Observers,
    /// The session tokens that the gateway's own functions may sign with; none by default.
    pub session_tokens: SessionTokens,
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
            throttle: Throttle::default(),
            event_shape: EventShape::default(),
            own_post_hangs: false,
            in_flight_bytes: 16 * 1024 * 1024,
            tls: None,
            guard: Guard::default(),
            credentials: None,
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            denied: Vec::new(),
            clock: Arc::new(Timestamp::now),
            random: fastrand::Rng::new(),
            time: Time::default(),
            faults: faults::Faults::default(),
            script: None,
            observers: Observers::default(),
            session_tokens: SessionTokens::default(),
        }
    }
}
