//! Kept-alive connections to one host.

use super::http_response::HttpResponse;
use super::http1::{ExchangeError, Http1};
use super::request_limit::{Permit, RequestLimit};
use super::signed_request::SignedRequest;
use crate::error::BoxError;
use crate::https::{ATTEMPT, CALL, Connector, IDLE, RESTORES, Stream};
use crate::sync::lock;
use crate::tls::Tls;
use http::{StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tower_service::Service;

/// The maximum number of connections. A Lambda function may open 1 024 files, and the application needs some. With a
/// latency of 20 ms they carry 40 000 requests per second.
pub(super) const CONNECTIONS: usize = 800;

/// The maximum number of connections that are opened at once. Each costs two round trips and a third of a millisecond
/// of CPU time, of which a small function has a tenth, so waiting requests may get a returned one first. 1 024
/// requests at once took 0.25 s and 0.12 s of CPU time; with one new connection for each they took 0.6 s and 0.35 s.
pub(super) const CONNECTS: usize = 32;

type Connection = Box<TimedConnection>;

/// A connection with a timer for its attempts. A new timer for each attempt would be added to the runtime's timers and
/// removed again; the deadline of an existing one is only moved.
#[derive(Debug)]
struct TimedConnection {
    http: Http1<TokioIo<Stream>>,
    timer: Pin<Box<Sleep>>,
}

/// Kept-alive connections to one host. It grows to the number of concurrent requests.
#[derive(Debug)]
pub(super) struct ConnectionPool {
    connector: Connector,
    uri: Uri,
    /// A permit for each request with an open or opening connection.
    requests: RequestLimit,
    /// A permit for each opening connection.
    connects: Semaphore,
    returned: Notify,
    /// The most recently used connection is at the end.
    idle: Mutex<VecDeque<Idle>>,
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

/// A moment on both clocks: in a frozen environment one of them may stand still.
#[derive(Debug, Clone, Copy)]
struct Moment(std::time::Instant, SystemTime);

impl Moment {
    fn now() -> Self {
        Self(std::time::Instant::now(), SystemTime::now())
    }

    fn since(self, earlier: Self) -> Duration {
        // A clock that was set back measures no duration.
        let by_wall = self.1.duration_since(earlier.1).unwrap_or(IDLE);
        self.0.saturating_duration_since(earlier.0).max(by_wall)
    }
}

impl ConnectionPool {
    /// Creates a pool of at most `connections` to the host of `uri`, of which at most `connects` are opened at once.
    pub(super) fn new(uri: Uri, tls: Tls, connections: usize, connects: usize) -> Self {
        Self {
            connector: Connector::new(tls),
            uri,
            requests: RequestLimit::new(connections),
            connects: Semaphore::new(connects),
            returned: Notify::new(),
            idle: Mutex::default(),
            idle_timeout: IDLE,
            restores: &RESTORES,
        }
    }

    /// Returns a permit to send a request, if one is free.
    pub(super) fn try_permit(&self) -> Option<Permit<'_>> {
        self.requests.try_acquire(Instant::now() + CALL)
    }

    /// Waits for a permit to send a request. Requests get permits in the order of their calls.
    ///
    /// # Errors
    ///
    /// No permit is free within 3 s.
    pub(super) async fn permit(&self) -> Result<Permit<'_>, BoxError> {
        self.requests.acquire(Instant::now() + CALL).await
    }

    /// Sends a request and reads its response, on an idle connection if there is one.
    ///
    /// A dead idle connection is replaced by a new one, and the request is sent once more, unless its response has
    /// begun.
    ///
    /// # Errors
    ///
    /// An attempt had no connection or no response within 1.5 s, or the call took 3 s.
    // The rare parts are boxed, so that the future of a post is small: a broadcast has one for each post in flight.
    pub(super) async fn send(
        &self,
        permit: Permit<'_>,
        request: &SignedRequest,
    ) -> Result<HttpResponse, BoxError> {
        let end = permit.end;
        let taken = match self.idle_connection() {
            Some(connection) => PooledConnection::Kept(connection),
            None => Box::pin(self.take(end)).await?,
        };
        let fresh = match taken {
            PooledConnection::Fresh(connection) => connection,
            PooledConnection::Kept(connection) => {
                match self.exchange(connection, request, end).await {
                    // The host closed the idle connection with 408 while the request was sent.
                    Ok(answer) if answer.status == StatusCode::REQUEST_TIMEOUT => {}
                    Ok(answer) => return Ok(answer),
                    Err(Failure::Exchange(error)) if error.response_began => {
                        return Err(error.error);
                    }
                    Err(Failure::Exchange(_)) => {}
                    // The other idle connections are just as old.
                    Err(Failure::Slow) => drop(std::mem::take(&mut *self.lock())),
                }
                Box::pin(self.replace(end)).await?
            }
        };
        let exchanged = Box::pin(self.exchange(fresh, request, end)).await;
        exchanged.map_err(|failure| match failure {
            Failure::Exchange(error) => error.error,
            Failure::Slow => "the host did not respond in time".into(),
        })
    }

    /// Opens a connection in the place of a dead one.
    async fn replace(&self, end: Instant) -> Result<Connection, BoxError> {
        let permit = self.connects.acquire();
        let _permit = in_time(end, "the host accepts no connection", permit).await??;
        self.connect(end).await
    }

    /// Returns a connection that is returned meanwhile, or a new one.
    async fn take(&self, end: Instant) -> Result<PooledConnection, BoxError> {
        let mut permit = pin!(self.connects.acquire());
        let mut late = pin!(sleep_until(end));
        loop {
            let mut returned = pin!(self.returned.notified());
            // From here on the wait sees every returned connection.
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
                () = &mut late => return Err("the host has no free connection in time".into()),
            }
        }
    }

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
            if connection.http.is_quiet() {
                return Some(connection);
            }
        }
    }

    async fn connect(&self, end: Instant) -> Result<Connection, BoxError> {
        let connected = in_time(
            attempt_end(end),
            "the host does not respond",
            self.connector.clone().call(self.uri.clone()),
        );
        Ok(Box::new(TimedConnection {
            http: Http1::new(TokioIo::new(connected.await??)),
            timer: Box::pin(sleep_until(end)),
        }))
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        request: &SignedRequest,
        end: Instant,
    ) -> Result<HttpResponse, Failure> {
        let TimedConnection { http, timer } = &mut *connection;
        timer.as_mut().reset(attempt_end(end));
        let exchanged = tokio::select! {
            biased;
            exchanged = http.exchange(request) => exchanged,
            () = &mut *timer => return Err(Failure::Slow),
        };
        let (answer, keeps) = exchanged.map_err(Failure::Exchange)?;
        if keeps {
            // The timer of an idle connection wakes nobody.
            let _ = timer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
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

enum PooledConnection {
    Kept(Connection),
    Fresh(Connection),
}

enum Failure {
    Exchange(ExchangeError),
    Slow,
}

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
