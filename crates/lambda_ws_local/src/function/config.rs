//! The configuration of a function.

use super::process::Program;
use crate::activity::Observers;
use crate::faults::Faults;
use crate::session_tokens::SessionTokens;
use std::collections::BTreeMap;
use std::time::Duration;

/// The program of a function and its settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name.
    pub name: String,
    /// Its ARN, for events of the Runtime API.
    pub arn: String,
    /// The program.
    pub program: Program,
    /// The complete environment of the processes. Only `AWS_LAMBDA_RUNTIME_API` and `AWS_LAMBDA_LOG_STREAM_NAME` are
    /// added. [`environment::variables`](super::environment::variables) builds one.
    pub environment: BTreeMap<String, String>,
    /// The timeout of one event (3 s, Lambda's default).
    pub timeout: Duration,
    /// The maximum number of processes, at least 1 (10).
    pub concurrency: usize,
    /// The largest number of events that a process has at once, at least 1 (1). With more the processes get
    /// `AWS_LAMBDA_MAX_CONCURRENCY`, as on Lambda Managed Instances, and are never frozen.
    pub process_concurrency: usize,
    /// How long a process may take until it asks for its first event: 10 s on Lambda and by default, more where `cargo run`
    /// has to compile first.
    pub init_timeout: Duration,
    /// The maximum number of waiting events before [`InvokeError::Throttled`](super::InvokeError::Throttled) (10 000).
    /// Lambda has no such queue, but a hundred times the processes.
    pub queue: usize,
    /// The injected faults of the processes (none).
    pub faults: Faults,
    /// How long an event may wait for a process (30 s, because API Gateway times out before).
    pub patience: Duration,
    /// How long a process waits for an event before it is stopped, as Lambda freezes it. `None`, the default, turns
    /// this off. [`FREEZE_AFTER`](super::FREEZE_AFTER) does not slow down a stream of events.
    pub freeze: Option<Duration>,
    /// The observers (none). With observers, each process has its own `AWS_SESSION_TOKEN`, as on Lambda, which
    /// identifies its calls.
    pub observers: Observers,
    /// The session tokens of its processes; none by default.
    pub session_tokens: SessionTokens,
}

impl Config {
    /// Returns a configuration with Lambda's defaults and an empty environment.
    pub fn new(name: impl Into<String>, program: Program) -> Config {
        let name = name.into();
        Config {
            arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{name}"),
            name,
            program,
            environment: BTreeMap::new(),
            timeout: Duration::from_secs(3),
            concurrency: 10,
            process_concurrency: 1,
            init_timeout: Duration::from_secs(10),
            queue: 10_000,
            patience: Duration::from_secs(30),
            faults: Faults::default(),
            freeze: None,
            observers: Observers::default(),
            session_tokens: SessionTokens::default(),
        }
    }
}
