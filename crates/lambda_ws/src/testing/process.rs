//! One process of a function, in the time of tokio.

use super::backend::BEGINNING;
use crate::Timestamp;
use crate::app::{Backend, Dispatcher, InvocationContext, Transports};
use crate::clock::Clock;
use crate::error::BoxError;
use crate::router::Router;
use crate::store::Store;
use crate::task::Tasks;
use crate::transport::Transport;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// One process of a function with a store, a transport and a queue of follow-up tasks of the caller's choice. Its clock
/// is that of tokio. So a simulation of many processes runs the library's code in virtual time, with
/// `tokio::time::pause`.
///
/// ```
/// use lambda_ws::store::Memory;
/// use lambda_ws::testing::Process;
/// use lambda_ws::transport::{Inspection, Transport};
/// use lambda_ws::{ConnectionId, Payload, Router, SendError};
/// use std::time::Duration;
/// use tokio::time::Instant;
///
/// /// A network with a latency of 10 ms.
/// struct Network;
///
/// impl Transport for Network {
///     async fn post(&self, _: &ConnectionId, _: &Payload) -> Result<(), SendError> {
///         tokio::time::sleep(Duration::from_millis(10)).await;
///         Ok(())
///     }
/// #     async fn close(&self, _: &ConnectionId) -> Result<(), SendError> {
/// #         Ok(())
/// #     }
/// #     async fn inspect(&self, _: &ConnectionId) -> Result<Inspection, SendError> {
/// #         Ok(Inspection::default())
/// #     }
/// #     fn url(&self) -> &str {
/// #         "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/test"
/// #     }
///     // `close`, `inspect` and `url` are left out here.
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let origin = Instant::now();
/// let process = Process::new(Router::new(), Memory::new(), Network, 100, origin);
/// let event = r#"{"publish":{"everyone":true,"data":"hello"}}"#;
/// let published = process.invoke(event, Duration::from_secs(29)).await.unwrap();
/// assert_eq!(published, r#"{"sent":0,"gone":0,"throttled":0,"failed":0}"#);
/// # });
/// ```
#[derive(Clone)]
pub struct Process(Arc<Dispatcher>);

impl Process {
    /// Creates a process that sends at most `rate` messages per second and cannot invoke itself. The clock of its
    /// function shows 5 January 2026, 10:04 at `origin`.
    pub fn new(
        router: Router,
        store: impl Store,
        transport: impl Transport,
        rate: u32,
        origin: Instant,
    ) -> Self {
        let backend = backend(store, transport, rate, origin);
        Self(Arc::new(Dispatcher::new(router, backend)))
    }

    /// Creates a process that passes the events of its follow-up tasks to `queue`, as Lambda's asynchronous
    /// invocations. `width` tasks share a broadcast.
    pub fn with_tasks<Q, F>(
        router: Router,
        store: impl Store,
        transport: impl Transport,
        rate: u32,
        origin: Instant,
        (width, queue): (usize, Q),
    ) -> Self
    where
        Q: Fn(String) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let backend = backend(store, transport, rate, origin);
        let backend = backend.with_tasks(Arc::new(Queue(queue)), width);
        Self(Arc::new(Dispatcher::new(router, backend)))
    }

    /// Runs an event of a function with this timeout, and returns the response. Like Lambda, the caller ends the
    /// process after the timeout: by dropping the future.
    ///
    /// # Errors
    ///
    /// The error of the invocation.
    pub async fn invoke(&self, event: &str, timeout: Duration) -> Result<String, BoxError> {
        let invocation = InvocationContext::within(timeout);
        let response = self.0.call(event, invocation).await?;
        Ok(serde_json::to_string(&response)?)
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").finish_non_exhaustive()
    }
}

fn backend(store: impl Store, transport: impl Transport, rate: u32, origin: Instant) -> Backend {
    let transports = Transports::one(Arc::new(transport));
    let backend = Backend::new(Arc::new(store), transports);
    backend.paced(rate).with_clock(TokioClock(origin))
}

/// The clock of tokio, which tests can pause.
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        BEGINNING + (Instant::now() - self.0)
    }
}

struct Queue<Q>(Q);

impl<Q, F> Tasks for Queue<Q>
where
    Q: Fn(String) -> F + Send + Sync,
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    fn queue(&self, event: String) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(self.0(event))
    }
}
