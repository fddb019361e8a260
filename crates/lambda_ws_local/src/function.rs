//! A local Lambda function. Its program runs in separate processes behind the Lambda Runtime API.
//!
//! As on Lambda, an execution environment handles one event at a time, and load starts more environments. Each one is a
//! process that fetches its events over HTTP, so any program that runs on Lambda runs here, in any language. Every
//! environment has a Runtime API on its own port of 127.0.0.1, because only the address distinguishes the processes.
//!
//! ```no_run
//! use lambda_ws_local::function::{Config, Function, Program};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let program = Program { program: "target/release/chat".into(), ..Program::default() };
//! let (log, mut lines) = tokio::sync::mpsc::channel(1_000);
//! let function = Function::start(Config::new("chat", program), log).await?;
//! let response = function.invoke(r#"{"hello": "world"}"#.into(), &lambda_ws_local::function::request_id()).await?;
//! println!("{} {:?}", String::from_utf8_lossy(&response), lines.recv().await);
//! function.stop().await;
//! # Ok(())
//! # }
//! ```

use bytes::Bytes;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

mod config;
pub mod environment;
mod error;
mod freeze;
mod id;
mod log;
mod meter;
mod pool;
mod process;
mod runtime_api;
mod sandbox;
mod supervisor;
#[cfg(test)]
mod tests;
mod trace;

pub use crate::log_line::{LogLine, Stream};
pub use config::Config;
pub use error::{InvokeError, RESPONSE_LIMIT, StartError};
pub use freeze::FREEZE_AFTER;
pub use id::request_id;
pub use log::LINE_LIMIT;
pub use process::Program;
pub(crate) use trace::{CallerTrace, trace};

use crate::lock::lock;
use pool::{Common, Job, Pool, Submitted};

/// How long [`Function::stop`] waits for killed processes. Only the kernel can delay them.
const STOP: Duration = Duration::from_secs(5);

/// A running function. Dropping it kills its processes.
#[derive(Debug)]
pub struct Function {
    pools: Mutex<Pools>,
    common: Common,
    /// Held while a program is replaced, so that only one replacement runs at a time.
    replacing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Pools {
    current: Arc<Pool>,
    /// The next pool while it starts, and former pools until their last event has ended.
    others: Vec<Arc<Pool>>,
    stopped: bool,
}

impl Function {
    /// Starts one process and waits until it requests its first event. A program that does not start is therefore an
    /// error here, and not for the first client.
    ///
    /// The output of the processes goes to `log`. A full channel blocks a program for one second. After that, lines are
    /// dropped until there is space. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// The process does not get ready. The error contains its last lines on stderr.
    pub async fn start(config: Config, log: mpsc::Sender<LogLine>) -> Result<Function, StartError> {
        let (ready, first) = oneshot::channel();
        let common = Common {
            lines: log,
            freeze: Arc::new(watch::Sender::new(config.freeze)),
            numbers: Arc::new(AtomicU64::new(0)),
            launch: supervisor::launch,
        };
        let function = Function {
            pools: Mutex::new(Pools {
                current: Pool::start(config, common.clone(), ready),
                others: Vec::new(),
                stopped: false,
            }),
            common,
            replacing: tokio::sync::Mutex::default(),
        };
        first.await.unwrap_or(Err(StartError::Stopped))?;
        Ok(function)
    }

    /// Passes an event to a process and returns its response unchanged. API Gateway checks whether the response is
    /// valid.
    ///
    /// The event goes to an idle process. Without one, another process starts, up to [`Config::concurrency`], and the
    /// first ready process gets the event, in the order of the events. Cancel-safe: an event that a process has begun
    /// runs to its end (conformance E5), a waiting event is withdrawn.
    ///
    /// # Errors
    ///
    /// [`InvokeError`]. Nothing is retried.
    pub async fn invoke(&self, event: Bytes, request_id: &str) -> Result<Bytes, InvokeError> {
        if request_id.is_empty()
            || !request_id
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'/')
        {
            return Err(InvokeError::BadRequestId);
        }
        let (reply, mut answer) = oneshot::channel();
        let request_id: Arc<str> = request_id.into();
        let job = Job {
            request_id: request_id.clone(),
            trace: trace(),
            event,
            reply,
        };
        let (submitted, patience) = {
            // The lock prevents an event for a pool that was just replaced.
            let pools = self.lock();
            (pools.current.submit(job)?, pools.current.config.patience)
        };
        let answered = match submitted {
            Submitted::Begun => answer.await,
            Submitted::Waits => match timeout(patience, &mut answer).await {
                Ok(answered) => answered,
                Err(_) if self.lock().current.withdraw(&request_id) => {
                    return Err(InvokeError::Throttled);
                }
                Err(_) => answer.await,
            },
        };
        answered.unwrap_or(Err(InvokeError::Stopped))
    }

    /// Replaces the program or its configuration. Starts a new process and waits until it requests its first event.
    /// From then on new processes get all events that no process has begun.
    ///
    /// Old processes finish their events within the old timeout. After that they are killed. The freeze
    /// ([`Function::set_freeze`]), the faults and the feed do not change with the configuration. Concurrent calls run
    /// one after the other. Cancel-safe: until it returns, the old program stays in use.
    ///
    /// # Errors
    ///
    /// The new process does not get ready. The old program stays in use.
    pub async fn replace(&self, config: Config) -> Result<(), StartError> {
        let _one = self.replacing.lock().await;
        let (ready, first) = oneshot::channel();
        let next = {
            let mut pools = self.lock();
            if pools.stopped {
                return Err(StartError::Stopped);
            }
            let current = &pools.current.config;
            let config = Config {
                faults: current.faults.clone(),
                observers: current.observers.clone(),
                session_tokens: current.session_tokens.clone(),
                ..config
            };
            let next = Pool::start(config, self.common.clone(), ready);
            pools.others.retain(|pool| !pool.is_empty());
            pools.others.push(next.clone());
            next
        };
        let unfinished = Unfinished(Some(next));
        first.await.unwrap_or(Err(StartError::Stopped))?;
        let mut pools = self.lock();
        if pools.stopped {
            return Err(StartError::Stopped);
        }
        let next = unfinished.finish();
        pools.others.retain(|pool| !Arc::ptr_eq(pool, &next));
        let old = std::mem::replace(&mut pools.current, next);
        old.retire(&pools.current);
        pools.others.push(old);
        Ok(())
    }

    /// Turns the freeze on, after [`Config::freeze`] or else [`FREEZE_AFTER`], or off. Stopped processes continue at
    /// once.
    pub fn set_freeze(&self, on: bool) {
        let configured = self.lock().current.config.freeze;
        let after = on.then(|| configured.unwrap_or(FREEZE_AFTER));
        self.common.freeze.send_replace(after);
    }

    /// Whether processes that wait for events are stopped.
    pub fn freezes(&self) -> bool {
        self.common.freeze.borrow().is_some()
    }

    /// Kills every process and waits until they have ended. Events in flight end with [`InvokeError::Stopped`].
    pub async fn stop(&self) {
        let pools = self.close();
        let ended = async {
            for pool in pools {
                pool.ended().await;
            }
        };
        // Only the kernel can delay the end of a process for longer.
        let _ = timeout(STOP, ended).await;
    }

    fn close(&self) -> Vec<Arc<Pool>> {
        let mut pools = self.lock();
        pools.stopped = true;
        let mut all = std::mem::take(&mut pools.others);
        all.push(pools.current.clone());
        all.iter().for_each(|pool| pool.close());
        all
    }

    fn lock(&self) -> MutexGuard<'_, Pools> {
        lock(&self.pools)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.close();
    }
}

/// A pool that is not in use yet.
struct Unfinished(Option<Arc<Pool>>);

impl Unfinished {
    fn finish(mut self) -> Arc<Pool> {
        self.0
            .take()
            .expect("it is only taken here, and in `drop`, after which nothing is")
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(pool) = &self.0 {
            pool.close();
        }
    }
}
