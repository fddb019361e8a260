//! The lifetime of one execution environment: a process, its Runtime API and its log.

use super::error::{InvokeError, StartError};
use super::freeze::{Freezer, Switch};
use super::log::Log;
use super::meter::{Meter, Output};
use super::pool::{Pool, Stage};
use super::process::Process;
use super::runtime_api::RuntimeApi;
use super::sandbox::{ActiveEvent, Phase, Sandbox};
use crate::activity::Observer as _;
use crate::listener::Listener;
use crate::log_line::Stream;
use crate::session_tokens::Session;
use std::net::Ipv4Addr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// The variable with the unique name of an environment's log stream.
const LOG_STREAM: &str = "AWS_LAMBDA_LOG_STREAM_NAME";

/// The variable with the most events that a process may ask for at once.
const MAX_CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";

/// How long the output and responses of a dead process are read: they are in the kernel's buffers already.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a process with an extension has between SIGTERM and its end, as on Lambda.
const SHUTDOWN: Duration = Duration::from_millis(500);

/// How long a killed process may take to end; only the kernel can make it longer.
const KILL: Duration = Duration::from_secs(5);

/// Launches an environment after a delay.
pub(super) fn launch(pool: Arc<Pool>, number: u64, pause: Duration) {
    tokio::spawn(async move {
        let outcome = tokio::select! {
            () = pool.reached(Stage::Retired) => Err(StartError::Stopped),
            () = sleep(pause) => live(&pool, number).await,
        };
        pool.remove(number, outcome);
    });
}

async fn live(pool: &Arc<Pool>, number: u64) -> Result<(), StartError> {
    let mut supervisor = Supervisor::start(pool, number).await?;
    let end = supervisor.watch().await;
    supervisor.finish(end).await
}

struct Supervisor {
    pool: Arc<Pool>,
    sandbox: Arc<Sandbox>,
    process: Process,
    listener: Listener<RuntimeApi>,
    readers: JoinSet<()>,
}

enum End {
    Exited,
    Overdue,
    Stopped,
}

impl Supervisor {
    async fn start(pool: &Arc<Pool>, number: u64) -> Result<Supervisor, StartError> {
        let config = &pool.config;
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let socket = socket.map_err(StartError::Listen)?;
        let address = socket.local_addr().map_err(StartError::Listen)?;
        let mut environment = config.environment.clone();
        let mut set = |name: &str, value| drop(environment.insert(name.to_owned(), value));
        set("AWS_LAMBDA_RUNTIME_API", address.to_string());
        let stream = format!("local/[$LATEST]{:032x}", fastrand::u128(..));
        set(LOG_STREAM, stream);
        let session = Session {
            function: &config.name,
            environment: number,
        };
        if config.process_concurrency > 1 {
            set(MAX_CONCURRENCY, config.process_concurrency.to_string());
        }
        if let Some(token) = config.session_tokens.issue(session) {
            set("AWS_SESSION_TOKEN", token);
        }
        let started = Process::start(&config.program, &environment, LOG_STREAM);
        let (process, stdout, stderr) = started.map_err(|source| StartError::Spawn {
            program: config.program.program.to_string_lossy().into_owned(),
            source,
        })?;

        let log = Arc::new(Log::new(number, pool.lines.clone()));
        let (stdout, stderr) = (Meter::new(stdout), Meter::new(stderr));
        let mut readers = JoinSet::new();
        let (reader, pipe) = (log.clone(), stdout.clone());
        readers.spawn(async move { reader.read(Stream::Stdout, pipe).await });
        let (reader, pipe) = (log.clone(), stderr.clone());
        readers.spawn(async move { reader.read(Stream::Stderr, pipe).await });
        let output = Output { stdout, stderr };
        // One of several events may run while the process waits for another.
        let never = Switch::new(None);
        let switch = match config.process_concurrency {
            0 | 1 => &*pool.freeze,
            _ => &never,
        };
        let freezer = Freezer::new(switch, process.group(), output, log.clone());
        let sandbox = Arc::new(Sandbox::new(number, config, freezer, log));
        let api = RuntimeApi::new(pool.clone(), sandbox.clone());
        Ok(Supervisor {
            pool: pool.clone(),
            sandbox,
            process,
            listener: Listener::new(socket, api),
            readers,
        })
    }

    /// Serves the Runtime API until the environment must end.
    async fn watch(&mut self) -> End {
        let sandbox = &self.sandbox;
        let serve = self.listener.serve();
        let closed = self.pool.reached(Stage::Closed);
        let retired = self.pool.reached(Stage::Retired);
        tokio::pin!(serve, closed, retired);
        let mut last = false;
        loop {
            let deadline = sandbox.deadline();
            tokio::select! {
                _ = self.process.wait() => return End::Exited,
                () = &mut closed => return End::Stopped,
                // The current event is the last one. After it the process is dismissed.
                () = &mut retired, if !last => match &*sandbox.lock() {
                    Phase::Init { .. } => return End::Stopped,
                    _ => last = true,
                },
                () = sandbox.dismissed.notified() => return End::Stopped,
                () = sleep_until(deadline) => {
                    let idle = matches!(&*sandbox.lock(), Phase::Idle);
                    if idle && last {
                        // The process has responded, and does not send another request.
                        return End::Stopped;
                    }
                    if !idle && sandbox.deadline() <= Instant::now() {
                        return End::Overdue;
                    }
                }
                () = sandbox.deadline_changed.notified() => {}
                never = &mut serve => match never {},
            }
        }
    }

    /// Kills the process, reads its remaining output, and reports the result of its last phase.
    async fn finish(mut self, end: End) -> Result<(), StartError> {
        // Events whose deadline passes while the process is killed are not overdue.
        let ended = Instant::now();
        let (config, sandbox) = (&self.pool.config, &self.sandbox);
        if matches!(end, End::Stopped) && sandbox.has_extension() {
            self.process.group().terminate();
            let _ = timeout(SHUTDOWN, self.process.wait()).await;
        }
        // The response of an event that is overdue comes too late even if it is on its way.
        let overdue = matches!(end, End::Overdue).then(|| sandbox.end());
        self.process.kill();
        config
            .observers
            .environment_ended(&config.name, sandbox.number);
        let status = match timeout(KILL, self.process.wait()).await {
            Ok(Ok(status)) => status,
            // Killed but not reaped. The runtime reaps it when `process` is dropped.
            _ => ExitStatus::default(),
        };
        if !matches!(end, End::Stopped) || sandbox.has_extension() {
            self.listener.drain(DRAIN).await;
            let _ = timeout(DRAIN, async {
                while self.readers.join_next().await.is_some() {}
            })
            .await;
        }
        drop(self.listener);
        match overdue.unwrap_or_else(|| sandbox.end()) {
            Phase::Init { error, .. } => {
                let stderr = sandbox.log.stderr_tail();
                return Err(match (end, error) {
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
                });
            }
            Phase::Busy(events) => {
                fail(events, (&end, ended), status, config.timeout, &sandbox.log);
            }
            Phase::Idle | Phase::Ended if matches!(end, End::Exited) => {
                sandbox.log.platform(exit_message(status));
            }
            Phase::Idle | Phase::Ended => {}
        }
        Ok(())
    }
}

/// Answers the events that a process had in hand when it ended at this time. The one that took too long has timed out; the
/// others have lost their process.
fn fail(
    events: Vec<ActiveEvent>,
    (end, ended): (&End, Instant),
    status: ExitStatus,
    after: Duration,
    log: &Log,
) {
    for event in events {
        let is_overdue = !event.crashes && event.deadline <= ended;
        let error = match end {
            End::Stopped => InvokeError::Stopped,
            End::Overdue if is_overdue => InvokeError::TimedOut { after },
            End::Overdue | End::Exited => InvokeError::Crashed { status },
        };
        log.attribute(Some(event.request_id.clone()));
        match &error {
            InvokeError::TimedOut { after } => {
                let seconds = after.as_secs_f64();
                log.platform(format!("Task timed out after {seconds:.2} seconds"));
            }
            InvokeError::Crashed { status } => log.platform(exit_message(*status)),
            _ => {}
        }
        let _ = event.reply.send(Err(error));
    }
}

/// Returns Lambda's message for a process that ended.
fn exit_message(status: ExitStatus) -> String {
    if status.success() {
        "Error: Runtime exited without providing a reason".to_owned()
    } else {
        format!("Error: Runtime exited with error: {status}")
    }
}
