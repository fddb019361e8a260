//! A model of API Gateway: connections, the two quotas of an account, and the management API.

use super::bucket::{Bucket, Series, Times};
use super::lambda::Lambda;
use super::world::Quotas;
use lambda_ws::transport::{Inspection, Transport};
use lambda_ws::{ConnectionId, Payload, SendError, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The API and stage of all connections.
pub(super) const API: &str = "a1b2c3d4e5/test";
const URL: &str = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/test";
const HOST: &str = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com";

/// The time of the library's clock at the start of a simulation, in ms.
const BEGINNING: u64 = 1_767_607_440_000;

/// The median latency of a post within a Region. It is an assumption.
const POST: f64 = 8.0;

/// A broadcast's text begins with this character, a room message's with another one.
const BROADCAST: u8 = b'!';

/// One connection, whose number is in its id.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Socket {
    pub(super) at: u64,
    pub(super) open: bool,
    /// Its client does not read: its buffer is full.
    pub(super) slow: bool,
    /// The broadcasts that it has received.
    pub(super) heard: u8,
}

/// The counts of the API.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) handshakes: Series,
    pub(super) accepted: Series,
    /// Handshakes over the quota.
    pub(super) too_many: u64,
    /// Handshakes that the function rejected, or that found no capacity.
    pub(super) rejected: u64,
    pub(super) incoming: u64,
    pub(super) incoming_throttled: u64,
    pub(super) requests: Series,
    pub(super) broadcast: Series,
    pub(super) room: Series,
    pub(super) throttled: Series,
    pub(super) room_throttled: u64,
    /// From the message of a client to its delivery.
    pub(super) room_latency: Times,
    pub(super) handshake_latency: Times,
    /// The `$disconnect` events that failed.
    pub(super) lost_disconnects: u64,
}

struct State {
    sockets: Vec<Socket>,
    requests: Bucket,
    handshakes: Bucket,
    random: fastrand::Rng,
    seen: Seen,
}

/// The API. It is the transport of all processes.
pub(super) struct Gateway {
    state: Mutex<State>,
    origin: Instant,
}

/// The result of a handshake for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handshake {
    Open(usize),
    /// The function or Lambda rejected it (5xx).
    Failed,
}

/// Returns the event of another program that tells everyone something.
pub(super) fn publish(text: String) -> String {
    let text = format!("{}{text}", char::from(BROADCAST));
    serde_json::json!({"publish": {"everyone": true, "data": text}}).to_string()
}

/// Returns the id of a connection, as long as those of API Gateway.
pub(super) fn id(number: usize) -> ConnectionId {
    format!("c{number:014}=").into()
}

fn number(id: &ConnectionId) -> Result<usize, SendError> {
    let digits = id
        .as_str()
        .get(1..15)
        .and_then(|digits| digits.parse().ok());
    digits.ok_or(SendError::Gone)
}

impl Gateway {
    pub(super) fn new(quotas: &Quotas, origin: Instant, seed: u64) -> Self {
        let series = || Series::new(origin);
        let seen = Seen {
            handshakes: series(),
            accepted: series(),
            too_many: 0,
            rejected: 0,
            incoming: 0,
            incoming_throttled: 0,
            requests: series(),
            broadcast: series(),
            room: series(),
            throttled: series(),
            room_throttled: 0,
            room_latency: Times::default(),
            handshake_latency: Times::default(),
            lost_disconnects: 0,
        };
        let state = State {
            sockets: Vec::new(),
            requests: Bucket::new(quotas.requests, quotas.burst),
            handshakes: Bucket::new(quotas.handshakes, quotas.handshakes),
            random: fastrand::Rng::with_seed(seed),
            seen,
        };
        let state = Mutex::new(state);
        Self { state, origin }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a simulation has one thread")
    }

    /// Reads the counts.
    pub(super) fn seen<T>(&self, read: impl FnOnce(&Seen) -> T) -> T {
        read(&self.state().seen)
    }

    /// Reads or changes the connections.
    pub(super) fn sockets<T>(&self, change: impl FnOnce(&mut Vec<Socket>) -> T) -> T {
        change(&mut self.state().sockets)
    }

    /// Returns the time of the library's clock, in ms.
    pub(super) fn now(&self) -> u64 {
        BEGINNING + (Instant::now() - self.origin).as_millis() as u64
    }

    /// Adds an open connection without a handshake. The caller registers it.
    pub(super) fn add(&self) -> usize {
        let at = self.now();
        self.sockets(|sockets| {
            sockets.push(Socket {
                at,
                open: true,
                ..Socket::default()
            });
            sockets.len() - 1
        })
    }

    /// Whether the quota allows one more connection. The simulated client is rejected without an event otherwise.
    pub(super) fn admits(&self) -> bool {
        self.admits_at(Instant::now())
    }

    /// The same at a time that the clock has not reached.
    pub(super) fn admits_at(&self, now: Instant) -> bool {
        let mut state = self.state();
        state.seen.handshakes.add_at(now, 1.0);
        let admits = state.handshakes.take_at(now, 1.0);
        state.seen.too_many += u64::from(!admits);
        admits
    }

    /// Runs an admitted handshake: the `$connect` event.
    pub(super) async fn handshake(
        &self,
        lambda: &Arc<Lambda>,
        user: &str,
        room: &str,
    ) -> Handshake {
        let began = Instant::now();
        let at = self.now();
        let number = self.sockets(|sockets| {
            sockets.push(Socket {
                at,
                ..Socket::default()
            });
            sockets.len() - 1
        });
        let query = format!(
            r#""headers":{{"Host":"{HOST}"}},"multiValueHeaders":{{"Host":["{HOST}"]}},"queryStringParameters":{{"user":"{user}","room":"{room}"}},"multiValueQueryStringParameters":{{"user":["{user}"],"room":["{room}"]}},"#
        );
        let event = self.event(number, "$connect", "CONNECT", &query, "");
        let done = lambda.call(&event).await;
        let mut state = self.state();
        match done {
            Ok(response) if response.contains(r#""statusCode":200"#) => {
                state.sockets[number].open = true;
                state.seen.accepted.add(1.0);
                let took = (Instant::now() - began).as_millis() as u64;
                state.seen.handshake_latency.add(took);
                Handshake::Open(number)
            }
            Ok(_) | Err(_) => {
                state.seen.rejected += 1;
                Handshake::Failed
            }
        }
    }

    /// Ends a connection, and sends its `$disconnect`, which API Gateway does not repeat.
    pub(super) async fn disconnect(&self, lambda: &Arc<Lambda>, number: usize) {
        self.sockets(|sockets| sockets[number].open = false);
        let head =
            format!(r#""headers":{{"Host":"{HOST}"}},"multiValueHeaders":{{"Host":["{HOST}"]}},"#);
        let close = r#""disconnectStatusCode":1001,"disconnectReason":"Going away","#;
        let event = self.event(number, "$disconnect", "DISCONNECT", &head, close);
        let done = lambda.call(&event).await;
        let is_done = done.is_ok_and(|response| response.contains(r#""statusCode":200"#));
        if !is_done {
            self.state().seen.lost_disconnects += 1;
        }
    }

    /// Brings a client's message to the function. Returns whether the quota allowed it.
    pub(super) async fn message(&self, lambda: &Arc<Lambda>, number: usize, body: &str) -> bool {
        {
            let mut state = self.state();
            state.seen.incoming += 1;
            state.seen.requests.add(1.0);
            if !state.requests.take(1.0) {
                state.seen.incoming_throttled += 1;
                return false;
            }
        }
        let body = serde_json::to_string(body).expect("text is JSON");
        let tail = format!(r#""body":{body},"#);
        let event = self.event(
            number,
            "$default",
            "MESSAGE",
            &tail,
            r#""messageId":"PJqCFfHyKRcCHlw=","#,
        );
        lambda.call(&event).await.is_ok()
    }

    fn event(&self, number: usize, route: &str, kind: &str, head: &str, context: &str) -> String {
        let (id, now) = (id(number), self.now());
        let at = self.sockets(|sockets| sockets[number].at);
        format!(
            r#"{{{head}"requestContext":{{"routeKey":"{route}",{context}"eventType":"{kind}","extendedRequestId":"PJqB0E1tKRcF-Qw=","requestTime":"05/Jan/2026:10:04:00 +0000","messageDirection":"IN","stage":"test","connectedAt":{at},"requestTimeEpoch":{now},"identity":{{"sourceIp":"192.0.2.1"}},"requestId":"PJqB0E1tKRcF-Qw=","domainName":"{HOST}","connectionId":"{id}","apiId":"a1b2c3d4e5"}},"isBase64Encoded":false}}"#
        )
    }

    /// Takes the time of a request to the management API.
    async fn latency(&self) {
        let factor = self.state().random.f64();
        // Half of the requests take less than the median, and few take four times as long.
        let ms = POST * (0.6 + 0.4 * (-(1.0 - factor).ln()));
        sleep(Duration::from_micros((ms * 1_000.0) as u64)).await;
    }
}

/// The management API for one process.
#[derive(Clone)]
pub(super) struct Management(pub(super) Arc<Gateway>);

impl Transport for Management {
    async fn post(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        self.0.latency().await;
        let number = number(id)?;
        let is_broadcast = payload.bytes().first() == Some(&BROADCAST);
        let now = self.0.now();
        let mut state = self.0.state();
        let state = &mut *state;
        state.seen.requests.add(1.0);
        let has_quota = state.requests.take(1.0);
        let socket = state.sockets.get_mut(number).ok_or(SendError::Gone)?;
        if !has_quota || (socket.open && socket.slow) {
            state.seen.throttled.add(1.0);
            state.seen.room_throttled += u64::from(!is_broadcast);
            return Err(SendError::Throttled);
        }
        if !socket.open {
            return Err(SendError::Gone);
        }
        if is_broadcast {
            socket.heard = socket.heard.saturating_add(1);
            state.seen.broadcast.add(1.0);
            return Ok(());
        }
        state.seen.room.add(1.0);
        let sent = std::str::from_utf8(payload.bytes()).ok();
        if let Some(sent) = sent.and_then(|sent| sent.parse::<u64>().ok()) {
            state.seen.room_latency.add(now.saturating_sub(sent));
        }
        Ok(())
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        self.0.latency().await;
        let number = number(id)?;
        self.0.sockets(|sockets| {
            let socket = sockets.get_mut(number).filter(|socket| socket.open);
            let socket = socket.ok_or(SendError::Gone)?;
            socket.open = false;
            Ok(())
        })
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        self.0.latency().await;
        let number = number(id)?;
        let at = self.0.sockets(|sockets| {
            let socket = sockets.get(number).filter(|socket| socket.open);
            socket.map(|socket| socket.at)
        });
        let mut inspection = Inspection::default();
        inspection.connected_at = Timestamp::from_millis(at.ok_or(SendError::Gone)?);
        Ok(inspection)
    }

    fn url(&self) -> &str {
        URL
    }
}
