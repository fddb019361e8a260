//! The execution environments of a function and the events that wait for them.

use super::config::Config;
use super::error::{InvokeError, StartError};
use super::freeze::Switch;
use crate::faults::{Kind, Place};
use crate::lock::lock;
use crate::log_line::LogLine;
use bytes::Bytes;
use http::HeaderValue;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// The delay after the first failed start. It doubles with each further one.
const BACK_OFF: Duration = Duration::from_millis(250);

/// The maximum delay between failed starts.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(10);

/// An event and the caller that waits for its response.
pub(crate) struct Job {
    pub(crate) request_id: Arc<str>,
    /// The X-Ray trace, as the header `Lambda-Runtime-Trace-Id` has it.
    pub(crate) trace: HeaderValue,
    pub(crate) event: Bytes,
    pub(crate) reply: oneshot::Sender<Result<Bytes, InvokeError>>,
}

pub(crate) enum Submitted {
    Begun,
    Waits,
}

/// The state that successive pools of a function share.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    pub(crate) lines: mpsc::Sender<LogLine>,
    pub(crate) freeze: Arc<Switch>,
    /// The number of the last environment.
    pub(crate) numbers: Arc<AtomicU64>,
    pub(crate) launch: Launch,
}

/// Launches the environment with this number after a delay.
pub(crate) type Launch = fn(Arc<Pool>, u64, Duration);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Open,
    /// Events in flight are finished, but no more begin.
    Retired,
    /// Everything ends at once.
    Closed,
}

pub(crate) struct Pool {
    pub(crate) config: Config,
    pub(crate) freeze: Arc<Switch>,
    pub(crate) lines: mpsc::Sender<LogLine>,
    numbers: Arc<AtomicU64>,
    launch: Launch,
    state: Mutex<State>,
    stage: watch::Sender<Stage>,
    all_ended: Notify,
}

#[derive(Default)]
struct State {
    /// Environments that wait for an event. The one that worked last is at the end and is taken first, as on Lambda.
    idle: Vec<Idle>,
    /// Events that wait for an environment, in order. Empty while an environment is idle.
    waiting: VecDeque<Job>,
    /// The live environments, including those that start.
    alive: usize,
    /// Environments that have not requested an event yet.
    starting: usize,
    /// Failed starts in a row.
    failures: u32,
    /// The caller that waits for the first environment.
    first: Option<oneshot::Sender<Result<(), StartError>>>,
    /// Whether the pool is retired or closed.
    closed: bool,
    /// The pool that gets the events that this one cannot begin.
    successor: Option<Arc<Pool>>,
}

struct Idle {
    number: u64,
    turn: oneshot::Sender<Job>,
}

impl Pool {
    /// Creates a pool and starts its first environment.
    pub(crate) fn start(
        config: Config,
        common: Common,
        first: oneshot::Sender<Result<(), StartError>>,
    ) -> Arc<Pool> {
        let pool = Arc::new(Pool {
            config,
            freeze: common.freeze,
            lines: common.lines,
            numbers: common.numbers,
            launch: common.launch,
            state: Mutex::new(State {
                first: Some(first),
                ..State::default()
            }),
            stage: watch::Sender::new(Stage::Open),
            all_ended: Notify::new(),
        });
        pool.add(&mut pool.lock());
        pool
    }

    /// Passes the job to an idle environment, or queues it.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) -> Result<Submitted, InvokeError> {
        let mut state = self.lock();
        if state.closed {
            return Err(InvokeError::Stopped);
        }
        let Err(job) = state.begin(job) else {
            return Ok(Submitted::Begun);
        };
        if state.waiting.len() >= self.config.queue {
            // Jobs of callers that stopped waiting do not count.
            state.waiting.retain(|job| !job.reply.is_closed());
            if state.waiting.len() >= self.config.queue {
                return Err(InvokeError::Throttled);
            }
        }
        state.waiting.push_back(job);
        self.start_needed(&mut state);
        Ok(Submitted::Waits)
    }

    /// Removes a job from the queue after a timeout. Returns false if it has begun.
    pub(crate) fn withdraw(&self, request_id: &Arc<str>) -> bool {
        let mut state = self.lock();
        let position = state
            .waiting
            .iter()
            .position(|job| Arc::ptr_eq(&job.request_id, request_id));
        position
            .and_then(|position| state.waiting.remove(position))
            .is_some()
    }

    /// Waits for the next job of an environment. Returns `None` if the function is stopped, or if the environment sent
    /// another request meanwhile.
    ///
    /// Cancel-safe: a job that was assigned but not taken returns to the head of the queue.
    pub(crate) async fn next(self: &Arc<Self>, number: u64) -> Option<Assigned> {
        let assigned = |job| Assigned {
            pool: self.clone(),
            job: Some(job),
        };
        let mut turn = {
            let mut state = self.lock();
            if state.closed {
                return None;
            }
            while let Some(job) = state.waiting.pop_front() {
                if !job.reply.is_closed() {
                    return Some(assigned(job));
                }
            }
            let (turn, receiver) = oneshot::channel();
            state.keep_turns(number, self.config.process_concurrency.max(1) - 1);
            state.idle.push(Idle { number, turn });
            Turn {
                pool: self,
                receiver,
            }
        };
        (&mut turn.receiver).await.ok().map(assigned)
    }

    /// Passes a job that an environment could not begin to the next one.
    pub(crate) fn put_back(self: &Arc<Self>, job: Job) {
        if job.reply.is_closed() {
            return;
        }
        let mut state = self.lock();
        if state.closed {
            let successor = state.successor.clone();
            // The next pool has a separate lock.
            drop(state);
            if let Some(successor) = successor {
                successor.put_back(job);
            }
            return;
        }
        if let Err(job) = state.begin(job) {
            state.waiting.push_front(job);
            self.start_needed(&mut state);
        }
    }

    /// Records that an environment has requested its first event.
    pub(crate) fn ready(&self) {
        let mut state = self.lock();
        state.starting -= 1;
        state.failures = 0;
        if let Some(first) = state.first.take() {
            let _ = first.send(Ok(()));
        }
    }

    pub(crate) fn close(&self) {
        self.finish(Stage::Closed, None);
    }

    /// Moves all events that have not begun to another pool. Each environment ends after its current event.
    pub(crate) fn retire(&self, successor: &Arc<Pool>) {
        for job in self.finish(Stage::Retired, Some(successor.clone())) {
            // A rejected job drops its reply, so its caller gets an error.
            let _ = successor.submit(job);
        }
    }

    /// Stops accepting events, and returns those that wait.
    fn finish(&self, stage: Stage, successor: Option<Arc<Pool>>) -> VecDeque<Job> {
        let mut state = self.lock();
        state.closed = true;
        state.successor = successor;
        let (idle, waiting) = (
            std::mem::take(&mut state.idle),
            std::mem::take(&mut state.waiting),
        );
        drop(state);
        // Dropping the channels notifies the other ends, which lock the pool.
        drop(idle);
        self.stage.send_replace(stage);
        waiting
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(crate) async fn reached(&self, stage: Stage) {
        // `self` holds the sender, so this cannot fail.
        let _ = self.stage.subscribe().wait_for(|at| *at >= stage).await;
    }

    /// Whether no environment is alive.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().alive == 0
    }

    /// Waits until no environment is alive.
    pub(crate) async fn ended(&self) {
        loop {
            let ended = self.all_ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.lock().alive == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Starts environments while more events wait than environments start.
    fn start_needed(self: &Arc<Self>, state: &mut State) {
        while !state.closed
            && state.starting * self.config.process_concurrency.max(1) < state.waiting.len()
            && state.alive < self.config.concurrency.max(1)
        {
            self.add(state);
        }
    }

    fn add(self: &Arc<Self>, state: &mut State) {
        state.alive += 1;
        state.starting += 1;
        let pause = match state.failures {
            0 => Duration::ZERO,
            failures => BACK_OFF
                .saturating_mul(1 << (failures - 1).min(16))
                .min(LONGEST_BACK_OFF),
        };
        let cold = self.config.faults.latency(Place::Function, Kind::ColdStart);
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        (self.launch)(self.clone(), number, pause + cold);
    }

    /// Removes an environment that has ended. An error means that it has never asked for an event.
    pub(crate) fn remove(self: &Arc<Self>, number: u64, outcome: Result<(), StartError>) {
        let mut state = self.lock();
        state.alive -= 1;
        state.idle.retain(|idle| idle.number != number);
        if let Err(error) = outcome {
            state.starting -= 1;
            state.failures = state.failures.saturating_add(1);
            // The caller that started the function gets the reason, or else the event for which the environment was started.
            if let Some(first) = state.first.take() {
                let _ = first.send(Err(error));
            } else if let Some(job) = state.waiting.pop_front() {
                let _ = job.reply.send(Err(InvokeError::Start(error)));
            }
        }
        self.start_needed(&mut state);
        if state.alive == 0 {
            self.all_ended.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// Gives the job to an environment that waits for one.
    fn begin(&mut self, mut job: Job) -> Result<(), Job> {
        while let Some(idle) = self.idle.pop() {
            match idle.turn.send(job) {
                Ok(()) => return Ok(()),
                Err(refused) => job = refused,
            }
        }
        Err(job)
    }

    /// Ends the oldest waits of an environment, until it has `most` of them.
    fn keep_turns(&mut self, number: u64, most: usize) {
        let waits = self.idle.iter().filter(|idle| idle.number == number);
        let mut surplus = waits.count().saturating_sub(most);
        self.idle.retain(|idle| {
            let ends = idle.number == number && surplus > 0;
            surplus -= usize::from(ends);
            !ends
        });
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// A job that an environment is about to begin. Dropping it gives the job to the next one.
pub(crate) struct Assigned {
    pool: Arc<Pool>,
    job: Option<Job>,
}

impl Assigned {
    pub(crate) fn take(mut self) -> Job {
        self.job
            .take()
            .expect("it is only taken here, and in `drop`, after which nothing is")
    }
}

impl Drop for Assigned {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            self.pool.put_back(job);
        }
    }
}

/// An environment's place in the line of those that wait for an event.
struct Turn<'a> {
    pool: &'a Arc<Pool>,
    receiver: oneshot::Receiver<Job>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.receiver.close();
        self.pool.lock().idle.retain(|idle| !idle.turn.is_closed());
        if let Ok(job) = self.receiver.try_recv() {
            self.pool.put_back(job);
        }
    }
}
