//! A local Invoke API of Lambda, for functions that invoke each other or themselves.
//!
//! An SDK finds it through `AWS_ENDPOINT_URL_LAMBDA`. It supports synchronous invocations, asynchronous ones with
//! Lambda's retries, and dry runs. Signatures are accepted unverified. It does not support versions other than
//! `$LATEST`, aliases, `X-Amz-Log-Result`, client contexts, response streaming, destinations, and operations that
//! manage functions.
//!
//! ```
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use lambda_ws_local::lambda::{Lambda, Options};
//!
//! let lambda = Lambda::new([], Options::default());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! println!("AWS_ENDPOINT_URL_LAMBDA=http://{}", listener.local_addr()?);
//! let serving = lambda.clone();
//! tokio::spawn(async move { serving.serve(listener).await });
//! assert_eq!(lambda.stop(), 0, "no event was lost");
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap();
//! ```

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

mod asynchronous;
mod exception;
mod http_api;
mod name;
mod queue;
mod report;
mod target;
#[cfg(test)]
mod tests;

pub use asynchronous::{Asynchronous, Lost, Observer, Reason};
pub use target::{Invocable, ResponseFuture, Target};

use crate::activity::Observers;
use crate::guard::Guard;
use crate::listener::Listener;
use queue::Queue;

/// The maximum event of a synchronous invocation, in bytes: Lambda's "6 MB".
pub const REQUEST_LIMIT: usize = 6_291_456;

/// The maximum event of an asynchronous invocation, in bytes: 1 MB since October 2025, 256 KB before.
pub const EVENT_LIMIT: usize = 1_048_576;

/// The settings of the API.
#[derive(Clone)]
pub struct Options {
    /// The callers that are accepted.
    pub guard: Guard,
    /// The Region in the ARNs of messages.
    pub region: String,
    /// The delay after the first failure of an asynchronous event (1 min, as on Lambda). It doubles after the second.
    pub retry_delay: Duration,
    /// The callback for asynchronous events that failed for good.
    pub observer: Option<Observer>,
    /// The observers; none by default.
    pub observers: Observers,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            guard: Guard::default(),
            region: "us-east-1".to_owned(),
            retry_delay: Duration::from_secs(60),
            observer: None,
            observers: Observers::default(),
        }
    }
}

/// The Invoke API of some functions. Clones share it.
#[derive(Clone)]
pub struct Lambda {
    shared: Arc<Shared>,
}

struct Shared {
    functions: HashMap<String, Invocable>,
    guard: Guard,
    region: String,
    observers: Observers,
    queue: Arc<Queue>,
}

impl Lambda {
    /// Returns the API of these functions.
    pub fn new(functions: impl IntoIterator<Item = Invocable>, options: Options) -> Lambda {
        let functions = functions
            .into_iter()
            .map(|function| (function.name.clone(), function));
        Lambda {
            shared: Arc::new(Shared {
                functions: functions.collect(),
                guard: options.guard,
                region: options.region,
                observers: options.observers,
                queue: Queue::new(options.retry_delay, options.observer),
            }),
        }
    }

    /// Serves requests until the future is dropped.
    pub async fn serve(&self, listener: TcpListener) -> Infallible {
        Listener::new(listener, self.clone()).serve().await
    }

    /// Waits until no asynchronous event is in flight.
    pub async fn idle(&self) {
        self.shared.queue.idle().await;
    }

    /// Drops all asynchronous events, also those in flight, and returns their number. Further ones are rejected.
    pub fn stop(&self) -> usize {
        self.shared.queue.close()
    }
}

impl fmt::Debug for Lambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.shared.functions.keys().collect();
        f.debug_struct("Lambda").field("functions", &names).finish()
    }
}
