//! The units of a month that AWS bills.

use super::operations::{
    CONNECT, CONNECT_ALONE, DISCONNECT, MESSAGE, Operation, READ, RESUME, SUBSCRIBE, WRITE,
    append_writes, room_reads,
};
use super::workload::Workload;

/// API Gateway bills a message as one for each of these bytes.
const UNIT: f64 = 32.0 * 1024.0;

/// A gigabyte of AWS.
pub(super) const GB: f64 = 1024.0 * 1024.0 * 1024.0;

/// The size of a control frame of lossless rooms in bytes, at most.
const CONTROL: f64 = 200.0;

/// The minutes between two `$ping` of a client (`PROTOCOL.md`).
const PING: f64 = 4.0;

/// The days for which a lossless room stores a message.
const STORED: f64 = 25.0 / 24.0;

/// The size of the items of a connection in bytes, at most, without a large session.
const CONNECTION: f64 = 1024.0;

/// The size of a compressed log, relative to its text, as in AWS's pricing examples.
const COMPRESSED: f64 = 0.15;

/// The units of a month that AWS bills.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Traffic {
    /// Messages of up to 32 KB, in both directions.
    pub messages: f64,
    /// Minutes of all connections.
    pub minutes: f64,
    /// Events of the function.
    pub events: f64,
    /// GB-seconds of the function.
    pub gb_seconds: f64,
    /// Write units.
    pub writes: f64,
    /// Read units.
    pub reads: f64,
    /// The average size of the table in GB.
    pub stored: f64,
    /// Logs in GB.
    pub logs: f64,
    /// The average size of the stored logs in GB.
    pub logs_stored: f64,
    /// Data to the clients in GB.
    pub out: f64,
}

impl Traffic {
    /// Returns the traffic of a workload.
    pub fn of(workload: &Workload) -> Self {
        let w = workload;
        let mut traffic = Self {
            minutes: w.connections * w.hours * 60.0 * w.days,
            ..Self::default()
        };
        let connects = traffic.minutes / w.session;
        let sent = traffic.minutes * w.messages;
        let broadcast = sent * w.broadcasts;
        let pushed = traffic.minutes / w.room * w.pushes / w.batch;
        let recipients = if w.echo { w.room } else { w.room - 1.0 };
        let received = broadcast * recipients + (sent - broadcast);
        let units = |bytes: f64| (bytes / UNIT).ceil();
        traffic.messages =
            (sent + received) * units(w.bytes) + pushed * w.room * units(w.bytes * w.batch);
        let mut out_bytes = (received + pushed * w.room * w.batch) * w.bytes;
        traffic.events = 2.0 * connects + sent + pushed;

        traffic.add(DISCONNECT, connects);
        traffic.add(READ, sent * w.reads);
        traffic.add(WRITE, sent * w.writes);
        traffic.reads += (broadcast + pushed) * room_reads(w.room);
        let mut stored_bytes = w.connections * w.hours / 24.0 * CONNECTION;
        if w.history {
            traffic.add(CONNECT_ALONE, connects);
            traffic.add(SUBSCRIBE, connects);
            traffic.writes +=
                broadcast * append_writes(w.bytes) + pushed * append_writes(w.bytes * w.batch);
            let pings = traffic.minutes / PING;
            traffic.add(READ, pings);
            traffic.add(RESUME, pings);
            // A `$subscribe` or a `$ping`, and its answer.
            let controls = connects + pings;
            traffic.messages += 2.0 * controls;
            traffic.events += controls;
            out_bytes += controls * CONTROL;
            let stored = (broadcast + pushed * w.batch) * w.bytes + (broadcast + pushed) * MESSAGE;
            stored_bytes += stored / w.days * STORED;
        } else {
            traffic.add(CONNECT, connects);
        }
        // Lambda rounds each event up to 1 ms.
        let seconds = w.duration.ceil() / 1000.0;
        traffic.gb_seconds = traffic.events * seconds * w.memory / 1024.0;
        traffic.stored = stored_bytes / GB;
        traffic.logs = traffic.events * w.log_bytes / GB;
        traffic.logs_stored = traffic.logs * COMPRESSED * w.log_days / w.days;
        traffic.out = out_bytes / GB;
        traffic
    }

    fn add(&mut self, operation: Operation, times: f64) {
        self.writes += operation.writes * times;
        self.reads += operation.reads * times;
    }
}
