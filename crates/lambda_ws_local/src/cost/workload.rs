//! The clients and the function of an estimate.

use std::fmt;

/// A processor architecture of Lambda.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Graviton.
    Arm64,
    /// Intel and AMD.
    X86,
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Arm64 => "arm64",
            Self::X86 => "x86_64",
        })
    }
}

/// The clients and the function of an estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Workload {
    /// The clients, each with one connection.
    pub connections: f64,
    /// The hours that each client is connected on a day.
    pub hours: f64,
    /// The days of a month.
    pub days: f64,
    /// The length of one connection in minutes.
    pub session: f64,
    /// The messages that each client sends in a minute.
    pub messages: f64,
    /// The part of these messages that is broadcast to the room of the client, from 0 to 1. The others are answered
    /// to the sender.
    pub broadcasts: f64,
    /// The broadcasts that a backend publishes to each room in a minute.
    pub pushes: f64,
    /// The messages of these that one broadcast contains.
    pub batch: f64,
    /// The members of a room.
    pub room: f64,
    /// Whether the sender receives its own broadcast.
    pub echo: bool,
    /// The size of a message in bytes.
    pub bytes: f64,
    /// Whether rooms are lossless: their messages are stored.
    pub history: bool,
    /// The memory of the function in MB.
    pub memory: f64,
    /// The billed duration of an event in ms.
    pub duration: f64,
    /// The processor of the function.
    pub architecture: Architecture,
    /// Further reads of the table for each message of a client.
    pub reads: f64,
    /// Further writes of the table for each message of a client.
    pub writes: f64,
    /// The bytes that each event adds to the log.
    pub log_bytes: f64,
    /// The days for which logs are kept.
    pub log_days: f64,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            connections: 1000.0,
            hours: 8.0,
            days: 30.0,
            session: 60.0,
            messages: 1.0,
            broadcasts: 1.0,
            pushes: 0.0,
            batch: 1.0,
            room: 10.0,
            echo: true,
            bytes: 200.0,
            history: false,
            memory: 256.0,
            duration: 10.0,
            architecture: Architecture::Arm64,
            reads: 1.0,
            writes: 0.0,
            log_bytes: 1000.0,
            log_days: 14.0,
        }
    }
}

/// A number of a workload that is not valid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`--{option} {}` is not valid: expected {expected}", shown(*value))]
pub struct WorkloadError {
    option: &'static str,
    value: f64,
    expected: String,
}

/// Returns a number for a message. All digits of a very large one would fill the screen.
fn shown(value: f64) -> String {
    match value.is_finite() && value.abs() >= 1e15 {
        true => format!("{value:e}"),
        false => value.to_string(),
    }
}

/// The largest number of any input, so that no product overflows.
const LARGEST: f64 = 1e9;

impl Workload {
    /// Checks all numbers.
    ///
    /// # Errors
    ///
    /// A number is outside of its range or not a number.
    pub fn check(&self) -> Result<(), WorkloadError> {
        let longest = (self.hours * 60.0).min(120.0);
        for (option, value, least, most) in [
            ("connections", self.connections, 1.0, LARGEST),
            ("hours", self.hours, 0.01, 24.0),
            ("days", self.days, 1.0, 31.0),
            // API Gateway closes a connection after two hours.
            ("session", self.session, 0.01, longest),
            ("messages", self.messages, 0.0, 1e5),
            ("broadcasts", self.broadcasts, 0.0, 1.0),
            ("pushes", self.pushes, 0.0, 1e5),
            ("room", self.room, 1.0, self.connections),
            ("batch", self.batch, 1.0, 1e5),
            // The quota of API Gateway for a message.
            ("bytes", self.bytes, 1.0, 131_072.0),
            ("memory", self.memory, 128.0, 10_240.0),
            ("ms", self.duration, 0.01, 900_000.0),
            ("reads", self.reads, 0.0, 1000.0),
            ("writes", self.writes, 0.0, 1000.0),
            ("log-bytes", self.log_bytes, 0.0, 1e6),
            ("log-days", self.log_days, 0.0, 3653.0),
        ] {
            if !(least..=most).contains(&value) {
                let expected = match option {
                    "session" => format!(
                        "minutes from {least} to {most}: at most `--hours`, and at most 120, \
                         when API Gateway closes the connection"
                    ),
                    "room" => {
                        format!("a number from {least} to {most}: at most `--connections`")
                    }
                    _ => format!("a number from {least} to {most}"),
                };
                return Err(WorkloadError {
                    option,
                    value,
                    expected,
                });
            }
        }
        Ok(())
    }
}
