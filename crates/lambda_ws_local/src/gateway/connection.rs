//! One connection, from its 101 to its end.

use super::close::Close;
use super::message;
use super::observed::{Observed, Outcome, What};
use super::outbox::Outbox;
use super::shared::Shared;
use super::socket::{End, Received, Socket};
use lambda_ws::{ConnectionId, Timestamp};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// One connection, as far as others see it.
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) connected_at: Timestamp,
    pub(super) source_ip: Box<str>,
    pub(super) user_agent: Option<Box<str>>,
    /// The host the client named.
    pub(super) host: Box<str>,
    pub(super) outbox: Outbox,
    /// In ms since the epoch (conformance G10).
    last_active: AtomicU64,
    in_flight: AtomicUsize,
}

impl Connection {
    pub(super) fn new(
        id: String,
        connected_at: Timestamp,
        source_ip: String,
        user_agent: Option<String>,
        host: String,
    ) -> Self {
        Self {
            id: id.into(),
            connected_at,
            source_ip: source_ip.into(),
            user_agent: user_agent.map(Into::into),
            host: host.into(),
            outbox: Outbox::default(),
            last_active: AtomicU64::new(connected_at.millis()),
            in_flight: AtomicUsize::new(0),
        }
    }

    /// When the last message came or was posted.
    pub(super) fn last_active(&self) -> Timestamp {
        Timestamp::from_millis(self.last_active.load(Ordering::Relaxed))
    }

    /// Notes that a message came or was posted.
    pub(super) fn touch(&self, now: Timestamp) {
        self.last_active.fetch_max(now.millis(), Ordering::Relaxed);
    }
}

/// One message that is with its integration.
pub(super) struct InFlight {
    connection: Arc<Connection>,
    limit: usize,
}

impl InFlight {
    pub(super) fn new(connection: &Arc<Connection>, limit: usize) -> Self {
        connection.in_flight.fetch_add(1, Ordering::Relaxed);
        Self {
            connection: Arc::clone(connection),
            limit,
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // Only at the limit has the connection's task stopped to read.
        let before = self.connection.in_flight.fetch_sub(1, Ordering::AcqRel);
        if before >= self.limit {
            self.connection.outbox.wake();
        }
    }
}

/// Serves an open connection to its end, and invokes its `$disconnect`.
pub(super) async fn run(
    shared: &Arc<Shared>,
    connection: Arc<Connection>,
    stream: TcpStream,
    rest: Vec<u8>,
) {
    let mut socket = Socket::new(stream, rest).await;
    let end = live(shared, &connection, &mut socket).await;
    let close = leave(shared, &connection, &end);
    // Boxed: an idle connection should not pay for its end.
    let finish = socket.finish(end, &connection.outbox, shared.options.close_timeout);
    let disconnect = message::disconnect(shared, &connection, &close);
    Box::pin(async { tokio::join!(finish, disconnect) }).await;
}

/// Ends a connection whose 101 could not be sent: its function has accepted it.
pub(super) async fn lost(shared: &Arc<Shared>, connection: &Arc<Connection>) {
    let close = leave(shared, connection, &End::Lost);
    message::disconnect(shared, connection, &close).await;
}

/// Makes the connection unreachable, at once (conformance F9).
fn leave(shared: &Shared, connection: &Connection, end: &End) -> Close {
    connection.outbox.close();
    shared.connections.remove(&connection.id);
    let close = end.close();
    shared.observe(Observed {
        what: What::Close,
        route: "",
        connection_id: connection.id.as_str(),
        request_id: "",
        outcome: Outcome::Closed(close.code),
        detail: Some(&close.reason),
        duration: shared.now() - connection.connected_at,
    });
    close
}

/// Moves messages until the connection ends.
async fn live(shared: &Arc<Shared>, connection: &Arc<Connection>, socket: &mut Socket) -> End {
    let expires = after(Instant::now(), shared.options.connection_duration);
    let mut timer = pin!(sleep_until(idle_at(shared, socket).min(expires)));
    poll_fn(|cx| {
        // Before anything is looked at, so that no change is missed.
        connection.outbox.register(cx.waker());
        if let Some(close) = connection.outbox.closing() {
            return Poll::Ready(End::Gateway(close));
        }
        let written = socket.poll_write(cx, &connection.outbox);
        if let Poll::Ready(end) = poll_read(cx, shared, connection, socket) {
            return Poll::Ready(end);
        }
        // A client that closed and went has left its close frame to be read before this counts.
        if let Poll::Ready(Err(_)) = written {
            return Poll::Ready(End::Lost);
        }
        poll_timer(cx, shared, socket, timer.as_mut(), expires)
            .map(|()| End::Gateway(Close::GOING_AWAY))
    })
    .await
}

/// Takes all that the client has sent, whether or not it reads what it is sent (conformance F8).
fn poll_read(
    cx: &mut Context<'_>,
    shared: &Arc<Shared>,
    connection: &Arc<Connection>,
    socket: &mut Socket,
) -> Poll<End> {
    while connection.in_flight.load(Ordering::Acquire) < shared.options.in_flight {
        match socket.poll_read(cx) {
            Poll::Ready(Received::Text(body)) => message::receive(shared, connection, &body),
            Poll::Ready(Received::Control) if shared.options.pings_reset_idle => {
                socket.last_message = Instant::now();
            }
            Poll::Ready(Received::Control) => {}
            Poll::Ready(Received::End(end)) => return Poll::Ready(end),
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Pending
}

/// Ready when the connection has been idle too long or is too old (conformance F5, F6). The timer
/// is not set again at every message, but looks at the last one when it fires.
fn poll_timer(
    cx: &mut Context<'_>,
    shared: &Shared,
    socket: &Socket,
    mut timer: Pin<&mut Sleep>,
    expires: Instant,
) -> Poll<()> {
    while timer.as_mut().poll(cx).is_ready() {
        let due = idle_at(shared, socket).min(expires);
        if Instant::now() >= due {
            return Poll::Ready(());
        }
        timer.as_mut().reset(due);
    }
    Poll::Pending
}

fn idle_at(shared: &Shared, socket: &Socket) -> Instant {
    after(socket.last_message, shared.options.idle_timeout)
}

/// A time that no duration overflows.
fn after(instant: Instant, duration: Duration) -> Instant {
    const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    instant + duration.min(FOREVER)
}
