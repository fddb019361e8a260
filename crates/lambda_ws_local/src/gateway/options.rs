//! How a gateway behaves where AWS leaves room, or a test needs it.

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

/// The present, as events write it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the management API answers to a post for a live connection, instead of sending it: on AWS
/// this happens now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The API reports the connection as gone (410).
    Gone,
    /// The API reports that the account sends too much (429).
    Throttled,
    /// The API fails (500).
    Failing,
}

/// Which posts to live connections fail, one by one, for tests that tell a story; asked once for each, with the connection's
/// id. Chance is [`Options::faults`].
pub type Script = Arc<dyn Fn(&str) -> Option<Fault> + Send + Sync>;

/// How a gateway behaves; [`Options::default`] is like AWS, without its rate limits.
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
    /// How long a shutdown waits for the next connection to end: for its close frame to be answered and its `$disconnect`
    /// to be handled. In all it takes at most twelve times as long.
    pub shutdown_timeout: Duration,
    /// How many bytes may wait for a client that does not read (conformance G6).
    pub outbox_bytes: usize,
    /// How many messages may wait for a client that does not read (conformance G6).
    pub outbox_messages: usize,
    /// How many messages of one connection may be with their integrations (conformance F8) before
    /// the gateway stops to read more.
    pub in_flight: usize,
    /// How fast clients and functions may be; no limits by default, unlike AWS.
    pub throttle: Throttle,
    /// The shape of events (conformance C1).
    pub event_shape: EventShape,
    /// Whether a post to a connection from its own `$connect` hangs until that has ended, as older
    /// reports say, and only then fails (conformance G7).
    pub own_post_hangs: bool,
    /// How many bytes those messages may have together, before the gateway stops to read more.
    pub in_flight_bytes: usize,
    /// The certificate of `wss://` and `https://`; without one it is `ws://` and `http://`.
    pub tls: Option<Tls>,
    /// The origins and hosts that may call the management API.
    pub guard: Guard,
    /// The signer of calls of the management API (conformance G3) and handshakes of an
    /// [`Authorization::Iam`](super::Authorization::Iam) API (conformance B9). By default no signature is verified.
    pub credentials: Option<Credentials>,
    /// The region of the API, which signatures are for; us-east-1 by default.
    pub region: String,
    /// The account of the API; 000000000000 by default.
    pub account_id: String,
    /// The methods of the management API that the function lacks the permission `execute-api:ManageConnections` for
    /// (conformance G3); none by default.
    pub denied: Vec<Method>,
    /// The clock of events.
    pub clock: Clock,
    /// Where ids come from.
    pub random: fastrand::Rng,
    /// The time of the idle timeout and the longest duration.
    pub time: Time,
    /// What goes wrong by chance; nothing by default.
    pub faults: faults::Faults,
    /// Which posts to live connections fail; none by default.
    pub script: Option<Script>,
    /// The observers of the gateway; none by default.
    pub observers: Observers,
    /// The session tokens of the gateway's own functions, which may sign with them; none by default.
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
