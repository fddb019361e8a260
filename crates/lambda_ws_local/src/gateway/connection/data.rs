//! The data of one connection.

use super::{Bounds, Outbox};
use crate::activity::Snapshot;
use lambda_ws_protocol::{ConnectionId, Timestamp};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// One connection, as seen by other tasks.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) connected_at: Timestamp,
    pub(crate) source_ip: Box<str>,
    pub(crate) user_agent: Option<Box<str>>,
    /// The host in the client's request.
    pub(crate) host: Box<str>,
    /// The context of the authorizer, for every event (conformance C1).
    pub(crate) authorizer: Option<Box<RawValue>>,
    pub(crate) outbox: Outbox,
    /// In ms since the epoch (conformance G10).
    last_active: AtomicU64,
    in_flight: AtomicUsize,
    in_flight_bytes: AtomicUsize,
}

impl Connection {
    pub(crate) fn new(
        id: String,
        connected_at: Timestamp,
        source_ip: String,
        user_agent: Option<String>,
        host: String,
    ) -> Self {
        Self {
            id: id.into(),
            connected_at,
            source_ip: source_ip.into(),
            user_agent: user_agent.map(Into::into),
            host: host.into(),
            authorizer: None,
            outbox: Outbox::default(),
            last_active: AtomicU64::new(connected_at.millis()),
            in_flight: AtomicUsize::new(0),
            in_flight_bytes: AtomicUsize::new(0),
        }
    }

    /// Returns the time of the last message in either direction.
    pub(crate) fn last_active(&self) -> Timestamp {
        Timestamp::from_millis(self.last_active.load(Ordering::Relaxed))
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            id: self.id.clone(),
            connected_at: self.connected_at,
            last_active_at: self.last_active(),
            source_ip: self.source_ip.to_string(),
            user_agent: self.user_agent.as_deref().map(str::to_owned),
        }
    }

    pub(crate) fn touch(&self, now: Timestamp) {
        self.last_active.fetch_max(now.millis(), Ordering::Relaxed);
    }

    /// Whether another message may be passed to the integrations.
    pub(super) fn may_receive(&self, limits: Bounds) -> bool {
        self.in_flight.load(Ordering::Acquire) < limits.messages
            && self.in_flight_bytes.load(Ordering::Acquire) < limits.bytes
    }
}

pub(crate) struct InFlight {
    connection: Arc<Connection>,
    limits: Bounds,
    bytes: usize,
}

impl InFlight {
    pub(crate) fn new(connection: &Arc<Connection>, limits: Bounds, bytes: usize) -> Self {
        connection.in_flight.fetch_add(1, Ordering::Relaxed);
        connection
            .in_flight_bytes
            .fetch_add(bytes, Ordering::Relaxed);
        Self {
            connection: Arc::clone(connection),
            limits,
            bytes,
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let (connection, limits) = (&self.connection, self.limits);
        let bytes = connection
            .in_flight_bytes
            .fetch_sub(self.bytes, Ordering::AcqRel);
        let messages = connection.in_flight.fetch_sub(1, Ordering::AcqRel);
        // The connection's task stops reading only at a limit.
        if messages >= limits.messages || bytes >= limits.bytes {
            connection.outbox.wake();
        }
    }
}
