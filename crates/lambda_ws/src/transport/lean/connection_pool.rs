//! Kept-alive connections to one host.

use super::http_response::HttpResponse;
use super::http1::{ExchangeError, Http1};
use super::signed_request::SignedRequest;
use crate::error::BoxError;
use crate::https::{ATTEMPT, CALL, Connector, IDLE, RESTORES, Stream};
use crate::sync::lock;
use crate::tls::Tls;
use http::{StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};
use tower_service::Service;

/// The most connections: a Lambda function may have 1 024 files open, and the application opens some. A host that takes 20 ms answers 40 000 requests a second on them.
pub(super) const CONNECTIONS: usize = 800;

/// How many connections are made at once at most. Each costs two round trips and a third of a
/// millisecond of CPU time, of which a small function has a tenth: those that wait may find one that has
/// come back. 1 024 requests at once took 0.25 s and 0.12 s of CPU time so, and 0.6 s and 0.35 s when
/// each of them made one.
pub(super) const CONNECTS: usize = 32;

type Connection = Box<Http1<TokioIo<Stream>>>;

/// Kept-alive connections to one host, as many as requests were ever under way at once.
#[derive(Debug)]
pub(super) struct ConnectionPool {
    connector: Connector,
    uri: Uri,
    /// A permit for each request that has a connection or makes one.
    requests: Semaphore,
    /// A permit for each that makes one.
    connects: Semaphore,
    /// Says that a connection has come back.
    returned: Notify,
    /// The one that was used last is at the end.
    idle: Mutex<VecDeque<Idle>>,
    /// How long an idle connection is trusted.
    pub(super) idle_timeout: Duration,
    /// How often the process was restored from a snapshot.
    pub(super) restores: &'static AtomicU64,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Moment,
    /// The number of restores when it was last used.
    restores: u64,
}

/// A moment on both clocks: while an environment is frozen one of them may stand still.
#[derive(Debug, Clone, Copy)]
struct Moment(std::time::Instant, SystemTime);

impl Moment {
    fn now() -> Self {
        Self(std::time::Instant::now(), SystemTime::now())
    }

    fn since(self, earlier: Self) -> Duration {
        // A clock that was set back measures nothing.
        let by_wall = self.1.duration_since(earlier.1).unwrap_or(IDLE);
        self.0.saturating_duration_since(earlier.0).max(by_wall)
    }
}

impl ConnectionPool {
    /// At most `connections` to the host of `uri`, of which at most `connects` are being made.
    pub(super) fn new(uri: Uri, tls: Tls, connections: usize, connects: usize) -> Self {
        Self {
            connector: Connector::new(tls),
            uri,
            requests: Semaphore::new(connections),
            connects: Semaphore::new(connects),
            returned: Notify::new(),
            idle: Mutex::default(),
            idle_timeout: IDLE,
            restores: &RESTORES,
        }
    }

    /// Sends a request and reads its answer, on a kept connection if there is one.
    ///
    /// A kept connection that turns out to be dead is replaced by a fresh one, for which the request is
    /// sent once more, unless its answer has begun.
    ///
    /// # Errors
    ///
    /// No connection, or no answer, within 1.5 s; or none of both within 3 s.
    pub(super) async fn send(&self, request: &SignedRequest) -> Result<HttpResponse, BoxError> {
        let end = Instant::now() + CALL;
        let _permit = match self.requests.try_acquire() {
            Ok(permit) => permit,
            Err(_) => in_time(end, "no connection is free", self.requests.acquire()).await??,
        };
        let fresh = match self.take(end).await? {
            PooledConnection::Fresh(connection) => connection,
            PooledConnection::Kept(connection) => {
                match self.exchange(connection, request, end).await {
                    // It was meant for a connection that waits, and crossed the request on its way.
                    Ok(answer) if answer.status == StatusCode::REQUEST_TIMEOUT => {}
                    Ok(answer) => return Ok(answer),
                    Err(Failure::Exchange(error)) if error.response_began => {
                        return Err(error.error);
                    }
                    Err(Failure::Exchange(_)) => {}
                    // The other idle connections are as old.
                    Err(Failure::Slow) => drop(std::mem::take(&mut *self.lock())),
                }
                let permit = self.connects.acquire();
                let _permit = in_time(end, "no connection is made", permit).await??;
                self.connect(end).await?
            }
        };
        self.exchange(fresh, request, end)
            .await
            .map_err(|failure| match failure {
                Failure::Exchange(error) => error.error,
                Failure::Slow => "there is no answer in time".into(),
            })
    }

    /// A connection that waits for a request, or that comes back while one could be made, or a new one.
    async fn take(&self, end: Instant) -> Result<PooledConnection, BoxError> {
        if let Some(connection) = self.idle_connection() {
            return Ok(PooledConnection::Kept(connection));
        }
        let mut permit = pin!(self.connects.acquire());
        let mut late = pin!(sleep_until(end));
        loop {
            let mut returned = pin!(self.returned.notified());
            // From here on every returned connection is noticed.
            returned.as_mut().enable();
            if let Some(connection) = self.idle_connection() {
                return Ok(PooledConnection::Kept(connection));
            }
            tokio::select! {
                biased;
                () = &mut returned => {}
                permit = &mut permit => {
                    let _permit = permit?;
                    return Ok(PooledConnection::Fresh(self.connect(end).await?));
                }
                () = &mut late => return Err("no connection is free in time".into()),
            }
        }
    }

    /// A connection that waits for a request.
    fn idle_connection(&self) -> Option<Connection> {
        loop {
            let mut idle = self.lock();
            let Idle {
                mut connection,
                since,
                restores,
            } = idle.pop_back()?;
            let is_of_snapshot = restores != self.restores.load(Ordering::Relaxed);
            if is_of_snapshot || Moment::now().since(since) >= self.idle_timeout {
                // Those before it have waited even longer.
                let old = std::mem::take(&mut *idle);
                drop(idle);
                drop(old);
                return None;
            }
            drop(idle);
            if connection.is_quiet() {
                return Some(connection);
            }
        }
    }

    async fn connect(&self, end: Instant) -> Result<Connection, BoxError> {
        let connected = in_time(
            attempt_end(end),
            "the host does not answer",
            self.connector.clone().call(self.uri.clone()),
        );
        Ok(Box::new(Http1::new(TokioIo::new(connected.await??))))
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        request: &SignedRequest,
        end: Instant,
    ) -> Result<HttpResponse, Failure> {
        let exchanged = timeout_at(attempt_end(end), connection.exchange(request)).await;
        let (answer, keeps) = exchanged
            .map_err(|_| Failure::Slow)?
            .map_err(Failure::Exchange)?;
        if keeps {
            self.keep(connection);
        }
        Ok(answer)
    }

    fn keep(&self, connection: Connection) {
        let now = Moment::now();
        let mut idle = self.lock();
        idle.push_back(Idle {
            connection,
            since: now,
            restores: self.restores.load(Ordering::Relaxed),
        });
        let old = idle
            .iter()
            .take_while(|one| now.since(one.since) >= self.idle_timeout);
        let old = old.count();
        let old: Vec<Idle> = idle.drain(..old).collect();
        drop(idle);
        drop(old);
        self.returned.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        lock(&self.idle)
    }
}

/// A connection for a request.
enum PooledConnection {
    Kept(Connection),
    Fresh(Connection),
}

/// Why an attempt has no answer.
enum Failure {
    Exchange(ExchangeError),
    /// None came in time.
    Slow,
}

/// When an attempt ends.
fn attempt_end(end: Instant) -> Instant {
    end.min(Instant::now() + ATTEMPT)
}

async fn in_time<T>(
    end: Instant,
    otherwise: &str,
    what: impl Future<Output = T>,
) -> Result<T, BoxError> {
    let done = timeout_at(end, what).await;
    done.map_err(|_| format!("{otherwise} in time").into())
}
