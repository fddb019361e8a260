//! The configuration of a function.

use std::collections::BTreeMap;
use std::time::Duration;

use super::process::Program;
use crate::activity::Observers;
use crate::faults::Faults;
use crate::session_tokens::SessionTokens;

/// The program of a function and how it is run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name.
    pub name: String,
    /// Its ARN, as events of the Runtime API carry it.
    pub arn: String,
    /// What to run.
    pub program: Program,
    /// The whole environment of the processes, to which only `AWS_LAMBDA_RUNTIME_API`, `AWS_LAMBDA_LOG_STREAM_NAME` and
    /// what other fields say are added; [`environment::variables`](super::environment::variables) makes one.
    pub environment: BTreeMap<String, String>,
    /// How long one event may take (3 s, Lambda's default).
    pub timeout: Duration,
    /// The largest number of processes, at least 1 (10).
    pub concurrency: usize,
    /// The largest number of events that a process has at once, at least 1 (1). With more the processes get
    /// `AWS_LAMBDA_MAX_CONCURRENCY`, as on Lambda Managed Instances, and are never frozen.
    pub process_concurrency: usize,
    /// How long a process may take until it asks for its first event: 10 s on Lambda and by default, more where `cargo run`
    /// has to compile first.
    pub init_timeout: Duration,
    /// How many events may wait for a process before [`InvokeError::Throttled`](super::InvokeError::Throttled) (10 000). Lambda has no such queue, but also
    /// a hundred times the processes.
    pub queue: usize,
    /// What goes wrong with the processes on purpose (nothing).
    pub faults: Faults,
    /// How long an event may wait for a process (30 s: API Gateway has given up by then).
    pub patience: Duration,
    /// How long a process may wait for an event until it is stopped as Lambda freezes it, with everything it has begun and
    /// not awaited; `None`, the default, for never. [`FREEZE_AFTER`](super::FREEZE_AFTER) is long enough not to slow a stream of events down.
    pub freeze: Option<Duration>,
    /// What keeps it for a console (nothing). If there is one, each process has an `AWS_SESSION_TOKEN` of its own, as on
    /// Lambda, which identifies its calls.
    pub observers: Observers,
    /// The session tokens of its processes; none by default.
    pub session_tokens: SessionTokens,
}

impl Config {
    /// A function with Lambda's defaults and an empty environment.
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
