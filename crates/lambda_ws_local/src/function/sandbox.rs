//! The state of one execution environment: its phase and the events it works on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::config::Config;
use super::error::InvokeError;
use super::freeze::Freezer;
use super::log::Log;
use super::pool::Job;
use crate::activity::{Observer as _, Observers};
use crate::faults::{Faults, Kind, Place};
use crate::lock::lock;

/// How long a program that has reported an error at start has until it is killed.
const GRACE: Duration = Duration::from_secs(1);

/// A process that is killed on purpose works on its event for less than so many milliseconds.
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
    /// The function's name.
    function: String,
    observers: Observers,
    started_at: Instant,
    /// How long the start took, until the first event is begun.
    init: Mutex<Option<Duration>>,
    phase: Mutex<Phase>,
    /// The deadline may be nearer than the one the supervisor sleeps to.
    pub(super) deadline_changed: Notify,
    /// The process has asked for an event and will get none.
    pub(super) dismissed: Notify,
}

pub(super) enum Phase {
    /// Until the first request for an event.
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

/// An event that the process works on.
pub(super) struct ActiveEvent {
    pub(super) request_id: Arc<str>,
    pub(super) deadline: Instant,
    /// The process is killed at the deadline, and has no answer before.
    pub(super) crashes: bool,
    pub(super) reply: oneshot::Sender<Result<Bytes, InvokeError>>,
}

impl Sandbox {
    /// The state of an environment whose process has just been started.
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

    /// The process asks for an event. `None` if it has as many as it may, or is to have none.
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

    /// Whether a process that works on these events may have another.
    fn has_room(&self, running: &[ActiveEvent]) -> bool {
        running.len() < self.concurrency && !running.iter().any(|event| event.crashes)
    }

    /// The process gets an event, and its time runs from now on; the job comes back if the process is at its end.
    pub(crate) fn begin(&self, job: Job) -> Result<(Arc<str>, Bytes), Job> {
        let mut phase = self.lock();
        let mut running = match &mut *phase {
            Phase::Idle => Vec::new(),
            Phase::Busy(running) if self.has_room(running) => std::mem::take(running),
            _ => return Err(job),
        };
        let request_id = job.request_id.clone();
        let init = self.init().take();
        let (function, number) = (&self.function, self.number);
        self.observers
            .environment_started(function, number, &request_id, init);
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
        Ok((request_id, job.event))
    }

    /// The process answers an event; false if it is not the one it works on.
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

    /// Whether the process will be killed instead of being heard.
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

    /// The process reports that it cannot start; false if it has started.
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

    /// The process has asked for an event when there will be no more: it can end, after those that it works on.
    pub(crate) fn dismiss(&self) {
        if !matches!(*self.lock(), Phase::Busy(_)) {
            self.dismissed.notify_one();
        }
    }

    /// When the process has to be looked at: a process that is idle now cannot be overdue before a whole timeout is over,
    /// so no event has to set a timer.
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

    /// Ends the last phase: no answer is accepted after it.
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

/// A request for an event.
#[derive(PartialEq, Eq)]
pub(crate) enum NextRequest {
    First,
    Again,
}
