//! The kinds of faults.

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A post finds its connection gone: 410, the client's socket is dropped without a close frame, and `$disconnect`
    /// has the code 1006.
    Gone,
    /// A post to an open connection gets 410 and is not sent. A GET shows that it is open.
    FalseGone,
    /// A call exceeds the rate limit and is not executed: 429 of the management API;
    /// `ProvisionedThroughputExceededException` or `ThrottlingException` of DynamoDB, in a transaction as a
    /// cancellation reason.
    Throttle,
    /// A call of either API fails with 500 and is not executed.
    Error,
    /// A call of either API is executed, but its connection closes before the response.
    LostAnswer,
    /// A `$disconnect` is not invoked (conformance E8).
    LostDisconnect,
    /// Nothing is written to a new connection for ten seconds. Posts wait, and then get 429 (conformance G6).
    SlowClient,
    /// The function's process is killed during an event. Its effects until then remain.
    Crash,
    /// An eventually consistent read of DynamoDB misses the writes of the last second.
    StaleRead,
    /// A DynamoDB batch is processed in part. The response contains the unprocessed items.
    Unprocessed,
    /// A DynamoDB write conflicts with a transaction: `TransactionConflictException`, in a transaction as a
    /// cancellation reason.
    Conflict,
    /// Additional latency of each call of the management API.
    PostLatency,
    /// Additional latency of each DynamoDB call.
    DbLatency,
    /// Additional start time of each new process of the function.
    ColdStart,
}

/// The number of kinds.
pub(super) const COUNT: usize = Kind::ALL.len();

impl Kind {
    /// All kinds, in the order of lists.
    pub const ALL: [Kind; 14] = [
        Kind::Gone,
        Kind::FalseGone,
        Kind::Throttle,
        Kind::Error,
        Kind::LostAnswer,
        Kind::LostDisconnect,
        Kind::SlowClient,
        Kind::Crash,
        Kind::StaleRead,
        Kind::Unprocessed,
        Kind::Conflict,
        Kind::PostLatency,
        Kind::DbLatency,
        Kind::ColdStart,
    ];

    /// Returns the kind's name, such as `false-gone`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Gone => "gone",
            Kind::FalseGone => "false-gone",
            Kind::Throttle => "throttle",
            Kind::Error => "error",
            Kind::LostAnswer => "lost-answer",
            Kind::LostDisconnect => "lost-disconnect",
            Kind::SlowClient => "slow-client",
            Kind::Crash => "crash",
            Kind::StaleRead => "stale-read",
            Kind::Unprocessed => "unprocessed",
            Kind::Conflict => "conflict",
            Kind::PostLatency => "post-latency",
            Kind::DbLatency => "db-latency",
            Kind::ColdStart => "cold-start",
        }
    }

    /// Returns a short description for a list.
    pub fn about(self) -> &'static str {
        match self {
            Kind::Gone => "a post finds its connection gone: 410, and $disconnect with 1006",
            Kind::FalseGone => "a post to or a close of an open connection gets 410",
            Kind::Throttle => "a post gets 429, a DynamoDB call is throttled",
            Kind::Error => "a management or DynamoDB call fails with 500",
            Kind::LostAnswer => "a management or DynamoDB call is executed, its response is lost",
            Kind::LostDisconnect => "a $disconnect is not invoked",
            Kind::SlowClient => "nothing is written to a new connection for 10 s",
            Kind::Crash => "the function's process is killed during an event",
            Kind::StaleRead => "an eventually consistent read misses the last second",
            Kind::Unprocessed => "a batch is processed in part",
            Kind::Conflict => "a write conflicts with a transaction: TransactionConflict",
            Kind::PostLatency => "each management call takes longer by this time",
            Kind::DbLatency => "each DynamoDB call takes longer by this time",
            Kind::ColdStart => "each new process starts later by this time",
        }
    }

    /// Whether its setting is a time instead of a rate.
    pub fn is_latency(self) -> bool {
        matches!(self, Kind::PostLatency | Kind::DbLatency | Kind::ColdStart)
    }

    /// Returns the kind of this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}
