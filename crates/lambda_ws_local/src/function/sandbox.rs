//! One execution environment: a process, its Runtime API, and the event it works on.

use std::net::Ipv4Addr;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::error::{InvokeError, StartError};
use super::freeze::Freezer;
use super::log::Log;
use super::meter::{Meter, Output};
use super::pool::{Job, Pool, Stage};
use super::process::Process;
use super::runtime_api::RuntimeApi;
use crate::activity::{Observer, Observers};
use crate::faults::{Faults, Kind, Place};
use crate::listener::Listener;
use crate::log_line::Stream;
use crate::session_tokens::Session;

/// The variable with the name of an environment's log stream, which no two environments share.
const LOG_STREAM: &str = "AWS_LAMBDA_LOG_STREAM_NAME";

/// How long a dead process's last words and responses are read for: they are in the kernel's buffers already.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a program that has reported an error at start has until it is killed.
const GRACE: Duration = Duration::from_secs(1);

/// How long a killed process may take to end; only the kernel can make it longer.
const KILL: Duration = Duration::from_secs(5);

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
    born: Instant,
    /// How long the start took, until the first event is begun.
    init: Mutex<Option<Duration>>,
    phase: Mutex<Phase>,
    /// The deadline may be nearer than the one the supervisor sleeps to.
    nudge: Notify,
    /// The process has asked for an event and will get none.
    dismissed: Notify,
}

enum Phase {
    /// Until the first request for an event.
    Init {
        deadline: Instant,
        error: Option<(String, String)>,
    },
    Idle,
    Busy(Running),
    /// Nothing is accepted any more.
    Ended,
}

struct Running {
    request_id: Arc<str>,
    deadline: Instant,
    /// The process is killed at the deadline, and has no answer before.
    doomed: bool,
    reply: oneshot::Sender<Result<Bytes, InvokeError>>,
}

/// Why an environment ends.
enum End {
    Exited,
    Overdue,
    Stopped,
}

impl Sandbox {
    /// The process asks for an event. `None` if it has one, or is to have none.
    pub(crate) fn ask(&self) -> Option<Asked> {
        let mut phase = self.lock();
        match *phase {
            Phase::Init { .. } => {
                *phase = Phase::Idle;
                *self.init() = Some(self.born.elapsed());
                self.nudge.notify_one();
                Some(Asked::First)
            }
            Phase::Idle => Some(Asked::Again),
            Phase::Busy(_) | Phase::Ended => None,
        }
    }

    /// The process gets an event, and its time runs from now on; the job comes back if the process is at its end.
    pub(crate) fn begin(&self, job: Job) -> Result<(Arc<str>, Bytes), Job> {
        let mut phase = self.lock();
        if !matches!(*phase, Phase::Idle) {
            return Err(job);
        }
        let request_id = job.request_id.clone();
        self.log.attribute(request_id.clone());
        let init = self.init().take();
        let (function, number) = (&self.function, self.number);
        self.observers
            .environment_started(function, number, &request_id, init);
        let doomed = self.faults.happens(Place::Function, Kind::Crash);
        let time = match doomed {
            true => {
                let moment = self.faults.below(Place::Function, Kind::Crash, MOMENTS);
                self.nudge.notify_one();
                Duration::from_millis(moment as u64).min(self.timeout)
            }
            false => self.timeout,
        };
        *phase = Phase::Busy(Running {
            request_id: job.request_id,
            deadline: Instant::now() + time,
            doomed,
            reply: job.reply,
        });
        Ok((request_id, job.event))
    }

    /// The process answers an event; false if it is not the one it works on.
    pub(crate) fn finish(&self, request_id: &str, answer: Result<Bytes, InvokeError>) -> bool {
        let mut phase = self.lock();
        match &mut *phase {
            Phase::Busy(running) if *running.request_id == *request_id => {
                if running.doomed {
                    // It has done all its work, and dies before anybody hears of it.
                    running.deadline = Instant::now();
                    self.nudge.notify_one();
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
    pub(crate) fn is_doomed(&self) -> bool {
        matches!(&*self.lock(), Phase::Busy(running) if running.doomed)
    }

    /// The process reports that it cannot start; false if it has started.
    pub(crate) fn fail(&self, error_type: String, message: String) -> bool {
        let mut phase = self.lock();
        let Phase::Init { deadline, error } = &mut *phase else {
            return false;
        };
        *deadline = Instant::now() + GRACE;
        *error = Some((error_type, message));
        self.nudge.notify_one();
        true
    }

    /// The process has asked for an event when there will be no more: it can end.
    pub(crate) fn dismiss(&self) {
        self.dismissed.notify_one();
    }

    /// When the process has to be looked at: a process that is idle now cannot be overdue before a whole timeout is over,
    /// so no event has to set a timer.
    fn deadline(&self) -> Instant {
        match &*self.lock() {
            Phase::Init { deadline, .. } => *deadline,
            Phase::Busy(running) => running.deadline,
            Phase::Idle | Phase::Ended => Instant::now() + self.timeout,
        }
    }

    /// Ends the last phase: no answer is accepted after it.
    fn end(&self) -> Phase {
        std::mem::replace(&mut *self.lock(), Phase::Ended)
    }

    fn init(&self) -> MutexGuard<'_, Option<Duration>> {
        self.init.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request for an event.
#[derive(PartialEq, Eq)]
pub(crate) enum Asked {
    First,
    Again,
}

/// The life of an environment. An error means that it has never asked for an event.
pub(crate) async fn live(pool: &Arc<Pool>, number: u64, log: Arc<Log>) -> Result<(), StartError> {
    let config = &pool.config;
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(StartError::Listen)?;
    let address = socket.local_addr().map_err(StartError::Listen)?;
    let mut environment = config.environment.clone();
    environment.insert("AWS_LAMBDA_RUNTIME_API".into(), address.to_string());
    environment.insert(
        LOG_STREAM.into(),
        format!("local/[$LATEST]{:032x}", fastrand::u128(..)),
    );
    let session = Session {
        function: &config.name,
        environment: number,
    };
    if let Some(token) = config.session_tokens.issue(session) {
        environment.insert("AWS_SESSION_TOKEN".into(), token);
    }
    let (mut process, stdout, stderr) = Process::start(&config.program, &environment, LOG_STREAM)
        .map_err(|source| StartError::Spawn {
        program: config.program.program.to_string_lossy().into_owned(),
        source,
    })?;

    let output = Output {
        stdout: Meter::new(stdout),
        stderr: Meter::new(stderr),
    };
    let (stdout, stderr) = (output.stdout.clone(), output.stderr.clone());
    let sandbox = Arc::new(Sandbox {
        number,
        log: log.clone(),
        freezer: Freezer::new(&pool.freeze, process.group(), output, log.clone()),
        timeout: config.timeout,
        faults: config.faults.clone(),
        function: config.name.clone(),
        observers: config.observers.clone(),
        born: Instant::now(),
        init: Mutex::default(),
        phase: Mutex::new(Phase::Init {
            deadline: Instant::now() + config.init_timeout,
            error: None,
        }),
        nudge: Notify::new(),
        dismissed: Notify::new(),
    });
    let mut readers = JoinSet::new();
    readers.spawn({
        let log = log.clone();
        async move { log.read(Stream::Stdout, stdout).await }
    });
    readers.spawn({
        let log = log.clone();
        async move { log.read(Stream::Stderr, stderr).await }
    });
    let mut listener = Listener::new(socket, RuntimeApi::new(pool.clone(), sandbox.clone()));

    let end = {
        let serve = listener.serve();
        let closed = pool.reached(Stage::Closed);
        let retired = pool.reached(Stage::Retired);
        tokio::pin!(serve, closed, retired);
        let mut last = false;
        loop {
            let deadline = sandbox.deadline();
            tokio::select! {
                _ = process.wait() => break End::Exited,
                () = &mut closed => break End::Stopped,
                // An event in hand is the last one; after it the process is dismissed.
                () = &mut retired, if !last => match &*sandbox.lock() {
                    Phase::Init { .. } => break End::Stopped,
                    _ => last = true,
                },
                () = sandbox.dismissed.notified() => break End::Stopped,
                () = sleep_until(deadline) => {
                    let idle = matches!(&*sandbox.lock(), Phase::Idle);
                    if idle && last {
                        // It has answered, and does not ask again.
                        break End::Stopped;
                    }
                    if idle || sandbox.deadline() > Instant::now() {
                        continue;
                    }
                    break End::Overdue;
                }
                () = sandbox.nudge.notified() => {}
                never = &mut serve => match never {},
            }
        }
    };
    // The response of an event that is overdue comes too late even if it is on its way.
    let overdue = matches!(end, End::Overdue).then(|| sandbox.end());
    process.kill();
    config.observers.environment_ended(&config.name, number);
    let status = match timeout(KILL, process.wait()).await {
        Ok(Ok(status)) => status,
        // Killed but not collected: the runtime collects it when `process` is dropped.
        _ => ExitStatus::default(),
    };
    if !matches!(end, End::Stopped) {
        listener.drain(DRAIN).await;
        let _ = timeout(DRAIN, async {
            while readers.join_next().await.is_some() {}
        })
        .await;
    }
    drop(listener);

    match overdue.unwrap_or_else(|| sandbox.end()) {
        Phase::Init { error, .. } => {
            let stderr = log.last_words();
            Err(match (end, error) {
                (End::Stopped, _) => StartError::Stopped,
                (_, Some((error_type, message))) => StartError::Init {
                    error_type,
                    message,
                    stderr,
                },
                (End::Overdue, None) => StartError::TimedOut {
                    after: config.init_timeout,
                    stderr,
                },
                (End::Exited, None) => StartError::Exited { status, stderr },
            })
        }
        Phase::Busy(running) => {
            let error = match end {
                End::Stopped => InvokeError::Stopped,
                End::Overdue if running.doomed => InvokeError::Crashed { status },
                End::Overdue => InvokeError::TimedOut {
                    after: config.timeout,
                },
                End::Exited => InvokeError::Crashed { status },
            };
            match &error {
                InvokeError::TimedOut { after } => {
                    log.platform(format!(
                        "Task timed out after {:.2} seconds",
                        after.as_secs_f64()
                    ));
                }
                InvokeError::Crashed { status } => log.platform(obituary(*status)),
                _ => {}
            }
            let _ = running.reply.send(Err(error));
            Ok(())
        }
        Phase::Idle | Phase::Ended => {
            if matches!(end, End::Exited) {
                log.platform(obituary(status));
            }
            Ok(())
        }
    }
}

/// Lambda's words for a process that ended.
fn obituary(status: ExitStatus) -> String {
    if status.success() {
        "Error: Runtime exited without providing a reason".to_owned()
    } else {
        format!("Error: Runtime exited with error: {status}")
    }
}
