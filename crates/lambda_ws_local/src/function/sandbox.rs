//! The state of one execution environment: its phase and the events it works on.

use super::config::Config;
use super::error::InvokeError;
use super::freeze::Freezer;
use super::log::Log;
use super::pool::Job;
use crate::activity::{Observer as _, Observers};
use crate::faults::{Faults, Kind, Place};
use crate::lock::lock;
use bytes::Bytes;
use http::HeaderValue;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// How long a program may run after it has reported a start error.
const GRACE: Duration = Duration::from_secs(1);

/// The maximum time in ms before an injected crash during an event.
const MOMENTS: usize = 20;

/// The state of an environment, shared by its supervisor and its Runtime API.
pub(crate) struct Sandbox {
    pub(crate) number: u64,
    pub(crate) log: Arc<Log>,
    pub(crate) freezer: Freezer,
    timeout: Duration,
    /// The most events at once.
    concurrency: usize,
    /// Whether the process has registered an extension, and so gets a signal before it is killed.
    has_extension: AtomicBool,
    faults: Faults,
    function: String,
    observers: Observers,
    started_at: Instant,
    /// The duration of the start, until the first event begins.
    init: Mutex<Option<Duration>>,
    phase: Mutex<Phase>,
    /// Signals that the deadline may be earlier than the supervisor's timer.
    pub(super) deadline_changed: Notify,
    /// Signals that the process has requested an event but gets none.
    pub(super) dismissed: Notify,
}

pub(super) enum Phase {
    /// Before the first request for an event.
    Init {
        deadline: Instant,
        error: Option<(String, String)>,
    },
    Idle,
    /// At least one event.
    Busy(Vec<ActiveEvent>),
    /// Nothing is accepted any more.
    Ended,
}

/// The event that the process handles.
pub(super) struct ActiveEvent {
    pub(super) request_id: Arc<str>,
    pub(super) deadline: Instant,
    /// The process is killed at the deadline, and has no answer before.
    pub(super) crashes: bool,
    pub(super) reply: oneshot::Sender<Result<Bytes, InvokeError>>,
}

impl Sandbox {
    /// Returns the state of an environment whose process has just started.
    pub(super) fn new(number: u64, config: &Config, freezer: Freezer, log: Arc<Log>) -> Sandbox {
        Sandbox {
            number,
            log,
            freezer,
            timeout: config.timeout,
            concurrency: config.process_concurrency.max(1),
            has_extension: AtomicBool::new(false),
            faults: config.faults.clone(),
            function: config.name.clone(),
            observers: config.observers.clone(),
            started_at: Instant::now(),
            init: Mutex::default(),
            phase: Mutex::new(Phase::Init {
                deadline: Instant::now() + config.init_timeout,
                error: None,
            }),
            deadline_changed: Notify::new(),
            dismissed: Notify::new(),
        }
    }

    /// Begins a request for an event. Returns `None` if the process has one, or gets no more.
    pub(crate) fn request_next(&self) -> Option<NextRequest> {
        let mut phase = self.lock();
        match &*phase {
            Phase::Init { .. } => {
                *phase = Phase::Idle;
                *self.init() = Some(self.started_at.elapsed());
                self.deadline_changed.notify_one();
                Some(NextRequest::First)
            }
            Phase::Idle => Some(NextRequest::Again),
            Phase::Busy(running) if self.has_room(running) => Some(NextRequest::Again),
            Phase::Busy(_) | Phase::Ended => None,
        }
    }

    /// Returns whether a process that handles these events may get another one.
    fn has_room(&self, running: &[ActiveEvent]) -> bool {
        running.len() < self.concurrency && !running.iter().any(|event| event.crashes)
    }

    /// Starts an event and its deadline. Returns its request id, trace and event, or the job if the process is about to
    /// end.
    pub(crate) fn begin(&self, job: Job) -> Result<(Arc<str>, HeaderValue, Bytes), Job> {
        let mut phase = self.lock();
        let mut running = match &mut *phase {
            Phase::Idle => Vec::new(),
            Phase::Busy(running) if self.has_room(running) => std::mem::take(running),
            _ => return Err(job),
        };
        let request_id = job.request_id.clone();
        let init = self.init().take();
        let (function, number) = (&self.function, self.number);
        self.observers.environment_started(
            function,
            number,
            &request_id,
            job.trace.to_str().unwrap_or_default(),
            init,
        );
        let crashes = self.faults.happens(Place::Function, Kind::Crash);
        let time = match crashes {
            true => {
                let moment = self.faults.below(Place::Function, Kind::Crash, MOMENTS);
                self.deadline_changed.notify_one();
                Duration::from_millis(moment as u64).min(self.timeout)
            }
            false => self.timeout,
        };
        running.push(ActiveEvent {
            request_id: job.request_id,
            deadline: Instant::now() + time,
            crashes,
            reply: job.reply,
        });
        self.attribute(&running);
        *phase = Phase::Busy(running);
        Ok((request_id, job.trace, job.event))
    }

    /// Accepts the response to an event. Returns false if it is not the current event.
    pub(crate) fn finish(&self, request_id: &str, answer: Result<Bytes, InvokeError>) -> bool {
        let mut phase = self.lock();
        let Phase::Busy(running) = &mut *phase else {
            return false;
        };
        let is_it = |event: &ActiveEvent| *event.request_id == *request_id;
        let Some(position) = running.iter().position(is_it) else {
            return false;
        };
        if running[position].crashes {
            // It has done all its work, and dies before anybody hears of it.
            running[position].deadline = Instant::now();
            self.deadline_changed.notify_one();
            return true;
        }
        let event = running.swap_remove(position);
        self.observers
            .environment_idle(&self.function, self.number, request_id);
        self.attribute(running);
        if running.is_empty() {
            *phase = Phase::Idle;
        }
        // A caller that has gone away misses nothing.
        let _ = event.reply.send(answer);
        true
    }

    /// Lines belong to the event that runs; to none if there are several. After the last event they are still its own.
    fn attribute(&self, running: &[ActiveEvent]) {
        match running {
            [] => {}
            [only] => self.log.attribute(Some(only.request_id.clone())),
            _ => self.log.attribute(None),
        }
    }

    /// Whether the process works on this event.
    pub(crate) fn works_on(&self, request_id: &str) -> bool {
        matches!(&*self.lock(), Phase::Busy(running)
            if running.iter().any(|event| *event.request_id == *request_id))
    }

    /// Whether a fault will kill the process before it responds.
    pub(crate) fn is_crashing(&self) -> bool {
        matches!(&*self.lock(), Phase::Busy(running) if running.iter().any(|event| event.crashes))
    }

    /// The process has registered an extension.
    pub(crate) fn register_extension(&self) {
        self.has_extension.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_extension(&self) -> bool {
        self.has_extension.load(Ordering::Relaxed)
    }

    /// Records a start error of the process. Returns false if it has already started.
    pub(crate) fn fail(&self, error_type: String, message: String) -> bool {
        let mut phase = self.lock();
        let Phase::Init { deadline, error } = &mut *phase else {
            return false;
        };
        *deadline = Instant::now() + GRACE;
        *error = Some((error_type, message));
        self.deadline_changed.notify_one();
        true
    }

    /// Lets a process end that requests an event when there are no more.
    pub(crate) fn dismiss(&self) {
        if !matches!(*self.lock(), Phase::Busy(_)) {
            self.dismissed.notify_one();
        }
    }

    /// Returns the time of the next check of the process. An idle process cannot be overdue within a whole timeout, so
    /// no event has to set a timer.
    pub(super) fn deadline(&self) -> Instant {
        match &*self.lock() {
            Phase::Init { deadline, .. } => *deadline,
            Phase::Busy(running) => {
                let deadlines = running.iter().map(|event| event.deadline);
                let nearest = deadlines.min();
                nearest.expect("a busy process has an event")
            }
            Phase::Idle | Phase::Ended => Instant::now() + self.timeout,
        }
    }

    /// Ends the last phase. No response is accepted after it.
    pub(super) fn end(&self) -> Phase {
        std::mem::replace(&mut *self.lock(), Phase::Ended)
    }

    fn init(&self) -> MutexGuard<'_, Option<Duration>> {
        lock(&self.init)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Phase> {
        lock(&self.phase)
    }
}

#[derive(PartialEq, Eq)]
pub(crate) enum NextRequest {
    First,
    Again,
}
