//! A Lambda function on this machine: its program, run in processes of its own, behind the Lambda Runtime API.
//!
//! As on Lambda, an execution environment works on one event at a time, more of them are started under load, and each is a
//! process that asks for its events over HTTP: any program that runs on Lambda runs here, in any language. Every environment
//! has a Runtime API of its own on a port of 127.0.0.1, because that address is all that a program is told and so the only
//! thing that tells one process from another.
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

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

pub mod environment;
mod error;
mod log;
mod pool;
mod process;
mod runtime_api;
mod sandbox;
#[cfg(test)]
mod tests;

pub use error::{InvokeError, StartError};
pub use log::{LINE_LIMIT, LogLine, Stream};
pub use process::Program;

use pool::{Job, Pool, Submitted};

/// The largest response in bytes: Lambda's "6 MB" for synchronous invocations.
pub const RESPONSE_LIMIT: usize = 6_291_556;

/// How long [`Function::stop`] waits for killed processes, which the kernel can only delay.
const STOP: Duration = Duration::from_secs(5);

/// What a function is and how it is run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name.
    pub name: String,
    /// Its ARN, as events of the Runtime API carry it.
    pub arn: String,
    /// What to run.
    pub program: Program,
    /// The whole environment of the processes, to which only `AWS_LAMBDA_RUNTIME_API` and `AWS_LAMBDA_LOG_STREAM_NAME` are
    /// added; [`environment::variables`] makes one.
    pub environment: BTreeMap<String, String>,
    /// How long one event may take (3 s, Lambda's default).
    pub timeout: Duration,
    /// The largest number of processes, at least 1 (10).
    pub concurrency: usize,
    /// How long a process may take until it asks for its first event: 10 s on Lambda and by default, more where `cargo run`
    /// has to compile first.
    pub init_timeout: Duration,
    /// How many events may wait for a process before [`InvokeError::Throttled`] (10 000). Lambda has no such queue, but also
    /// a hundred times the processes.
    pub queue: usize,
    /// How long an event may wait for a process (30 s: API Gateway has given up by then).
    pub patience: Duration,
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
            init_timeout: Duration::from_secs(10),
            queue: 10_000,
            patience: Duration::from_secs(30),
        }
    }
}

/// A running function. Dropping it kills its processes.
#[derive(Debug)]
pub struct Function {
    pool: Arc<Pool>,
}

impl Function {
    /// Starts one process and waits until it asks for its first event, so that a program that cannot work is an error here
    /// and not at the first client.
    ///
    /// What the processes print goes to `log`. When the channel is full, a program is held back for a second; after that
    /// lines are dropped until there is room. Has to be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// Why the process does not get ready, with its last lines on stderr.
    pub async fn start(config: Config, log: mpsc::Sender<LogLine>) -> Result<Function, StartError> {
        let (ready, first) = oneshot::channel();
        let function = Function {
            pool: Pool::start(config, log, ready),
        };
        first.await.unwrap_or(Err(StartError::Stopped))?;
        Ok(function)
    }

    /// Gives an event to a process and waits for the response, which is passed on as it is: whether it is JSON of the right
    /// shape is for API Gateway to judge.
    ///
    /// The event goes to an idle process; if there is none, another one is started within [`Config::concurrency`] and the
    /// event goes to whichever is ready first, in the order of the events. Cancel-safe: an event that a process has begun
    /// runs to its end without the caller (conformance E5), one that still waits is withdrawn.
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
        let answered = match self.pool.submit(Job {
            request_id: request_id.clone(),
            event,
            reply,
        })? {
            Submitted::Begun => answer.await,
            Submitted::Waits => match timeout(self.pool.config.patience, &mut answer).await {
                Ok(answered) => answered,
                Err(_) if self.pool.withdraw(&request_id) => return Err(InvokeError::Throttled),
                Err(_) => answer.await,
            },
        };
        answered.unwrap_or(Err(InvokeError::Stopped))
    }

    /// Kills every process, whatever it is doing, and waits until they are gone. Events in flight end with
    /// [`InvokeError::Stopped`].
    pub async fn stop(&self) {
        self.pool.close();
        // Longer than this only if the kernel cannot end a process: nothing is left to do about it here.
        let _ = timeout(STOP, self.pool.ended()).await;
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.pool.close();
    }
}

/// A new request id in Lambda's form, a UUID of version 4.
pub fn request_id() -> String {
    let random = fastrand::u128(..);
    let (high, low) = ((random >> 64) as u64, random as u64);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}
