//! A model of Lambda: processes, the concurrency of an account, and asynchronous invocations.

use super::bucket::{Bucket, Series, Times};
use super::world::Quotas;
use lambda_ws::testing::Process;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The start of a process, and the overhead of an invocation with the function's processor time. Both are assumptions.
const START: Duration = Duration::from_millis(150);
const OVERHEAD: Duration = Duration::from_millis(3);

/// The time of a request that queues an asynchronous invocation.
const QUEUE: Duration = Duration::from_millis(20);

/// The pauses before the two retries of an asynchronous invocation that failed.
const RETRIES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// The counts of the function.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) events: u64,
    pub(super) tasks: u64,
    /// The tasks that failed and were tried again.
    pub(super) retries: u64,
    /// The tasks that Lambda gave up.
    pub(super) dead: u64,
    /// The invocations that Lambda ended at their timeout.
    pub(super) killed: u64,
    /// The invocations that found no capacity.
    pub(super) throttled: u64,
    pub(super) started: u64,
    /// The sum of the durations, in s.
    pub(super) billed: f64,
    /// The largest number of concurrent invocations per second.
    pub(super) concurrent: Series,
    pub(super) durations: Times,
    pub(super) waiting_tasks: usize,
    pub(super) most_waiting: usize,
}

struct State {
    /// The last one is reused first.
    idle: Vec<Process>,
    running: usize,
    starts: Bucket,
    counts: Counts,
    /// The first errors, for the report of a failed check.
    errors: VecDeque<String>,
}

/// What starts a process.
pub(super) type Factory = Box<dyn Fn(&Arc<Lambda>) -> Process + Send + Sync>;

/// The function.
pub(super) struct Lambda {
    state: Mutex<State>,
    concurrency: usize,
    timeout: Duration,
    task_timeout: Duration,
    factory: Factory,
}

/// The failure of an invocation.
#[derive(Debug)]
pub(super) enum Failed {
    Throttled,
    TimedOut,
    /// [`Lambda::errors`] has the first ones.
    Error,
}

impl Lambda {
    pub(super) fn new(quotas: &Quotas, origin: Instant, factory: Factory) -> Arc<Self> {
        let counts = Counts {
            events: 0,
            tasks: 0,
            retries: 0,
            dead: 0,
            killed: 0,
            throttled: 0,
            started: 0,
            billed: 0.0,
            concurrent: Series::new(origin),
            durations: Times::default(),
            waiting_tasks: 0,
            most_waiting: 0,
        };
        let state = State {
            idle: Vec::new(),
            running: 0,
            // The first thousand start at once.
            starts: Bucket::new(quotas.starts, quotas.concurrency as f64),
            counts,
            errors: VecDeque::new(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
            concurrency: quotas.concurrency,
            timeout: quotas.timeout,
            task_timeout: quotas.task_timeout,
            factory,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a simulation has one thread")
    }

    pub(super) fn counts<T>(&self, read: impl FnOnce(&Counts) -> T) -> T {
        read(&self.state().counts)
    }

    /// Returns the first errors of invocations.
    pub(super) fn errors(&self) -> Vec<String> {
        self.state().errors.iter().cloned().collect()
    }

    /// Returns the number of asynchronous invocations that are queued, run, or wait for a retry.
    pub(super) fn waiting(&self) -> usize {
        self.state().counts.waiting_tasks
    }

    /// Invokes the function and waits for its response.
    pub(super) async fn call(self: &Arc<Self>, event: &str) -> Result<String, Failed> {
        self.call_within(event, self.timeout).await
    }

    async fn call_within(self: &Arc<Self>, event: &str, most: Duration) -> Result<String, Failed> {
        let (process, is_new) = self.acquire().ok_or(Failed::Throttled)?;
        if is_new {
            sleep(START).await;
        }
        let began = Instant::now();
        sleep(OVERHEAD).await;
        let done = timeout(most, process.invoke(event, most)).await;
        let took = Instant::now() - began;
        let mut state = self.state();
        state.running -= 1;
        state.counts.billed += took.as_secs_f64();
        state.counts.durations.add(took.as_millis() as u64);
        match done {
            Ok(done) => {
                state.idle.push(process);
                done.map_err(|error| {
                    let error = chain(&*error);
                    if state.errors.len() < 8 {
                        state.errors.push_back(error);
                    }
                    Failed::Error
                })
            }
            // Lambda kills the process.
            Err(_) => {
                state.counts.killed += 1;
                Err(Failed::TimedOut)
            }
        }
    }

    fn acquire(self: &Arc<Self>) -> Option<(Process, bool)> {
        let mut state = self.state();
        let process = match state.idle.pop() {
            Some(process) => Some((process, false)),
            None if state.running < self.concurrency && state.starts.take(1.0) => {
                state.counts.started += 1;
                Some(((self.factory)(self), true))
            }
            None => None,
        };
        match &process {
            Some(_) => {
                state.running += 1;
                state.counts.events += 1;
                let running = state.running as f64;
                state.counts.concurrent.peak(running);
            }
            None => state.counts.throttled += 1,
        }
        process
    }

    /// Queues an asynchronous invocation.
    pub(super) async fn queue(self: Arc<Self>, event: String) {
        sleep(QUEUE).await;
        {
            let mut state = self.state();
            let counts = &mut state.counts;
            counts.tasks += 1;
            counts.waiting_tasks += 1;
            counts.most_waiting = counts.most_waiting.max(counts.waiting_tasks);
        }
        tokio::spawn(async move {
            let mut retries = RETRIES.into_iter();
            let mut pause = Duration::from_secs(1);
            loop {
                match self.call_within(&event, self.task_timeout).await {
                    Ok(_) => break,
                    // Lambda keeps the event for up to 6 h, and asks again less and less often.
                    Err(Failed::Throttled) => {
                        sleep(pause).await;
                        pause = (2 * pause).min(Duration::from_secs(300));
                    }
                    Err(_) => match retries.next() {
                        Some(pause) => {
                            self.state().counts.retries += 1;
                            sleep(pause).await;
                        }
                        None => {
                            self.state().counts.dead += 1;
                            break;
                        }
                    },
                }
            }
            self.state().counts.waiting_tasks -= 1;
        });
    }
}

/// Returns an error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
