//! What can be made to go wrong.

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A post finds its connection dead: 410, the client's socket is dropped without a close frame, and `$disconnect` says 1006.
    Gone,
    /// A post for a live connection is answered 410 and not sent; GET tells the truth.
    FalseGone,
    /// A call is refused as one too many, and nothing is done: 429 of the management API; of DynamoDB
    /// `ProvisionedThroughputExceededException` or `ThrottlingException`, in a transaction as a reason of its cancellation.
    Throttle,
    /// A call fails with 500, and nothing is done: both APIs.
    Error,
    /// A call is carried out, and its connection breaks before the answer: both APIs.
    LostAnswer,
    /// A `$disconnect` that never comes (conformance E8).
    LostDisconnect,
    /// A new connection is not written to for its first ten seconds: posts wait for it, then are 429 (conformance G6).
    SlowClient,
    /// The process of the function is killed while it works on an event; what it did until then is done.
    Crash,
    /// An eventually consistent read of DynamoDB does not see the writes of the last second.
    StaleRead,
    /// A batch of DynamoDB is carried out in part; the rest comes back as unprocessed.
    Unprocessed,
    /// A write of DynamoDB meets a transaction: `TransactionConflictException`, in a transaction as a reason of its cancellation.
    Conflict,
    /// How long each call of the management API takes longer.
    PostLatency,
    /// How long each call of DynamoDB takes longer.
    DbLatency,
    /// How long each new process of the function takes longer to start.
    ColdStart,
}

/// How many there are.
pub(super) const COUNT: usize = Kind::ALL.len();

impl Kind {
    /// All kinds, in the order in which they are shown.
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

    /// The kind's name, such as `false-gone`.
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

    /// What the kind does, in a few words for a list.
    pub fn about(self) -> &'static str {
        match self {
            Kind::Gone => "a post finds its connection dead: 410, and $disconnect with 1006",
            Kind::FalseGone => "a post or a close of a live connection gets 410",
            Kind::Throttle => "a post is answered 429, a DynamoDB call is throttled",
            Kind::Error => "a management or DynamoDB call fails with 500",
            Kind::LostAnswer => "a management or DynamoDB call is done, its answer is lost",
            Kind::LostDisconnect => "a $disconnect never comes",
            Kind::SlowClient => "a new connection is not written to for 10 s",
            Kind::Crash => "the function's process is killed in the middle of an event",
            Kind::StaleRead => "an eventually consistent read misses the last second",
            Kind::Unprocessed => "a batch is carried out in part",
            Kind::Conflict => "a write meets a transaction: TransactionConflict",
            Kind::PostLatency => "each management call takes so much longer",
            Kind::DbLatency => "each DynamoDB call takes so much longer",
            Kind::ColdStart => "each new process takes so much longer to start",
        }
    }

    /// Whether its setting is a time, and not a rate.
    pub fn is_latency(self) -> bool {
        matches!(self, Kind::PostLatency | Kind::DbLatency | Kind::ColdStart)
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}
