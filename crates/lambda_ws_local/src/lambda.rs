//! The Invoke API of Lambda on this machine, for functions that invoke one another or themselves.
//!
//! An SDK finds it by `AWS_ENDPOINT_URL_LAMBDA`. Synchronous invocations, asynchronous ones with Lambda's retries, and dry
//! runs are answered as AWS answers them; signatures are accepted unverified. What it has not: versions other than
//! `$LATEST`, aliases, `X-Amz-Log-Result` (the log is on the screen), client contexts, response streaming, destinations, and
//! the operations that manage functions.
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

/// The largest event of a synchronous invocation, in bytes: Lambda's "6 MB".
pub const REQUEST_LIMIT: usize = 6_291_456;

/// The largest event of an asynchronous invocation, in bytes: 1 MB, since October 2025; 256 KB before.
pub const EVENT_LIMIT: usize = 1_048_576;

/// How the API behaves.
#[derive(Clone)]
pub struct Options {
    /// Who may call it.
    pub guard: Guard,
    /// The region, of which the ARNs in messages are.
    pub region: String,
    /// The pause after an asynchronous event's first failure (1 min, as on Lambda); after the second it is twice as long.
    pub retry_delay: Duration,
    /// The callback for asynchronous events that are given up.
    pub observer: Option<Observer>,
    /// What keeps calls for a console; nothing by default.
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

/// The Invoke API of some functions. Clones are the same one.
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
    /// The API of these functions.
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

    /// Answers requests for ever.
    pub async fn serve(&self, listener: TcpListener) -> Infallible {
        Listener::new(listener, self.clone()).serve().await
    }

    /// Resolves when no asynchronous event is under way.
    pub async fn idle(&self) {
        self.shared.queue.idle().await;
    }

    /// Gives up all asynchronous events, those under way included, and returns how many these are. Further ones are refused.
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
