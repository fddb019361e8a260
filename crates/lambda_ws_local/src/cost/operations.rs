//! The units of DynamoDB for each operation of lambda_ws.

/// An operation of the table of lambda_ws, with its units. A test compares them with the measured ones.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Operation {
    /// The name, as the measurement has it.
    pub name: &'static str,
    /// Write units.
    pub writes: f64,
    /// Read units.
    pub reads: f64,
}

const fn operation(name: &'static str, writes: f64, reads: f64) -> Operation {
    Operation {
        name,
        writes,
        reads,
    }
}

/// `$connect` of a client that joins one room.
pub(super) const CONNECT: Operation = operation("register, 1 room", 2.0, 0.0);
/// `$connect` of a client that subscribes later.
pub(super) const CONNECT_ALONE: Operation = operation("register, no room", 1.0, 0.0);
/// A subscription to a lossless room. The row is the one of a room whose last message has up to 4 KB.
pub(super) const SUBSCRIBE: Operation = operation("subscribe to an empty log", 4.0, 1.0);
/// `$disconnect` of a client in one room.
pub(super) const DISCONNECT: Operation = operation("$disconnect, 1 room", 2.0, 0.0);
/// The record of a connection: its session, its user or its rooms.
pub(super) const READ: Operation = operation("read a session", 0.0, 1.0);
/// A value of `Kv`.
pub(super) const WRITE: Operation = operation("write a value, 2 bytes", 1.0, 0.0);
/// The record of a connection and each of its rooms, for a `$ping`.
pub(super) const RESUME: Operation = operation("resume nothing", 0.0, 1.0);

/// All operations of the estimate, and sizes of rooms and messages.
pub const OPERATIONS: [Operation; 12] = [
    CONNECT,
    CONNECT_ALONE,
    SUBSCRIBE,
    DISCONNECT,
    READ,
    WRITE,
    RESUME,
    operation("an empty room", 0.0, room_reads(0.0)),
    operation("a room of 1 000", 0.0, room_reads(1000.0)),
    operation("append 940 bytes", append_writes(940.0), 0.0),
    operation("append 1 KB", append_writes(1024.0), 0.0),
    operation("append 100 KB", append_writes(100.0 * 1024.0), 0.0),
];

/// The size of a member in the table, in bytes.
const MEMBER: f64 = 36.0;

/// The size of a stored message without its data, in bytes.
pub(super) const MESSAGE: f64 = 84.0;

/// Returns the read units of the members of a room.
pub(super) const fn room_reads(members: f64) -> f64 {
    (members * MEMBER / 4096.0).ceil().max(1.0)
}

/// Returns the write units of a message of a lossless room.
pub(super) const fn append_writes(bytes: f64) -> f64 {
    ((bytes + MESSAGE) / 1024.0).ceil().max(1.0)
}
