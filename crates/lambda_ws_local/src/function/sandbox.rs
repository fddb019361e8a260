//! The state of one execution environment: its phase and the event it works on.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
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
    Busy(ActiveEvent),
    /// Nothing is accepted any more.
    Ended,
}

/// An event that the process works on.
pub(super) struct ActiveEvent {
    request_id: Arc<str>,
    deadline: Instant,
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

    /// The process asks for an event. `None` if it has one, or is to have none.
    pub(crate) fn request_next(&self) -> Option<NextRequest> {
        let mut phase = self.lock();
        match *phase {
            Phase::Init { .. } => {
                *phase = Phase::Idle;
                *self.init() = Some(self.started_at.elapsed());
                self.deadline_changed.notify_one();
                Some(NextRequest::First)
            }
            Phase::Idle => Some(NextRequest::Again),
            Phase::Busy(_) | Phase::Ended => None,
        }
    }

    /// The process gets an event, and its time runs from now on. Returns its request id, trace and event, or the job if the
    /// process is at its end.
    pub(crate) fn begin(&self, job: Job) -> Result<(Arc<str>, HeaderValue, Bytes), Job> {
        let mut phase = self.lock();
        if !matches!(*phase, Phase::Idle) {
            return Err(job);
        }
        let request_id = job.request_id.clone();
        self.log.attribute(request_id.clone());
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
        *phase = Phase::Busy(ActiveEvent {
            request_id: job.request_id,
            deadline: Instant::now() + time,
            crashes,
            reply: job.reply,
        });
        Ok((request_id, job.trace, job.event))
    }

    /// The process answers an event; false if it is not the one it works on.
    pub(crate) fn finish(&self, request_id: &str, answer: Result<Bytes, InvokeError>) -> bool {
        let mut phase = self.lock();
        match &mut *phase {
            Phase::Busy(running) if *running.request_id == *request_id => {
                if running.crashes {
                    // It has done all its work, and dies before anybody hears of it.
                    running.deadline = Instant::now();
                    self.deadline_changed.notify_one();
                    return true;
                }
            }
            _ => return false,
        }
        self.observers.environment_idle(&self.function, self.number);
        if let Phase::Busy(running) = std::mem::replace(&mut *phase, Phase::Idle) {
            // A caller that has gone away misses nothing.
            let _ = running.reply.send(answer);
        }
        true
    }

    /// Whether the process works on this event.
    pub(crate) fn works_on(&self, request_id: &str) -> bool {
        matches!(&*self.lock(), Phase::Busy(running) if *running.request_id == *request_id)
    }

    /// Whether the process will be killed instead of being heard.
    pub(crate) fn is_crashing(&self) -> bool {
        matches!(&*self.lock(), Phase::Busy(running) if running.crashes)
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

    /// The process has asked for an event when there will be no more: it can end.
    pub(crate) fn dismiss(&self) {
        self.dismissed.notify_one();
    }

    /// When the process has to be looked at: a process that is idle now cannot be overdue before a whole timeout is over,
    /// so no event has to set a timer.
    pub(super) fn deadline(&self) -> Instant {
        match &*self.lock() {
            Phase::Init { deadline, .. } => *deadline,
            Phase::Busy(running) => running.deadline,
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
