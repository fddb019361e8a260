//! One connection, from its 101 to its end.

use crate::activity::{Operation, OperationKind, Outcome};
use crate::faults::{Kind, Place};
use crate::gateway::connection::{Close, Connection};
use crate::gateway::http::Stream;
use crate::gateway::message;
use crate::gateway::socket::{End, Received, Socket};
use crate::gateway::state::GatewayState;
use crate::gateway::time::Moment;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long nothing is written to a client with the fault `slow-client`.
const SLOW: Duration = Duration::from_secs(10);

/// Serves an open connection to its end, and invokes its `$disconnect`.
pub(crate) async fn run(
    state: &Arc<GatewayState>,
    connection: Arc<Connection>,
    stream: Stream,
    rest: Vec<u8>,
) {
    let mut socket = Socket::new(stream, rest, state.options.time.clone());
    let end = live(state, &connection, &mut socket).await;
    let close = leave(state, &connection, &end);
    // Boxed, so that an idle connection does not keep the memory of its end.
    let finish = socket.finish(end, &connection.outbox, state.options.close_timeout);
    let disconnect = message::disconnect(state, &connection, &close);
    Box::pin(async { tokio::join!(finish, disconnect) }).await;
}

/// Ends a connection whose 101 could not be sent, because its function has accepted it.
pub(crate) async fn lost(state: &Arc<GatewayState>, connection: &Arc<Connection>) {
    let close = leave(state, connection, &End::Lost);
    message::disconnect(state, connection, &close).await;
}

/// Makes the connection unreachable at once (conformance F9).
fn leave(state: &GatewayState, connection: &Connection, end: &End) -> Close {
    connection.outbox.close();
    state.connections.remove(&connection.id);
    let close = end.close();
    state.observe(Operation {
        kind: OperationKind::Close,
        route: "",
        connection_id: connection.id.as_str(),
        request_id: "",
        outcome: Outcome::Closed(close.code),
        detail: Some(&close.reason),
        duration: state.now() - connection.connected_at,
    });
    close
}

/// Transfers messages until the connection ends.
async fn live(state: &Arc<GatewayState>, connection: &Arc<Connection>, socket: &mut Socket) -> End {
    let time = &state.options.time;
    let slow = state
        .options
        .faults
        .happens(Place::Gateway, Kind::SlowClient);
    let mut alarm = Alarm {
        // Subscribed before the time is read, so that no change is missed.
        changes: time.changes(),
        expires: time.now().after(state.options.connection_duration),
        slow_until: slow.then(|| Instant::now() + SLOW),
    };
    let mut timer = pin!(sleep_until(alarm.next(state, socket)));
    poll_fn(|cx| {
        // Registered before anything is polled, so that no change is missed.
        connection.outbox.register(cx.waker());
        match connection.outbox.closing() {
            Some(close) if close == Close::LOST => return Poll::Ready(End::Lost),
            Some(close) => return Poll::Ready(End::Gateway(close)),
            None => {}
        }
        // A client may close and disconnect at once. Its close frame is read before a write fails.
        if let Poll::Ready(end) = poll_read(cx, state, connection, socket) {
            return Poll::Ready(end);
        }
        // Written after reading, so that pings get their pongs.
        if alarm.slow_until.is_none()
            && let Poll::Ready(Err(_)) = socket.poll_write(cx, &connection.outbox)
        {
            return Poll::Ready(End::Lost);
        }
        poll_timer(cx, state, socket, timer.as_mut(), &mut alarm)
            .map(|()| End::Gateway(Close::GOING_AWAY))
    })
    .await
}

/// The only timer of a connection.
struct Alarm {
    /// The changes of the time since the timer was set.
    changes: watch::Receiver<()>,
    /// Conformance F6.
    expires: Moment,
    /// Nothing is written before, because of a fault.
    slow_until: Option<Instant>,
}

impl Alarm {
    /// Returns the time of the next check.
    fn next(&self, state: &GatewayState, socket: &Socket) -> Instant {
        let due = state.options.time.instant(self.due(state, socket));
        self.slow_until.map_or(due, |until| until.min(due))
    }

    /// Returns when the connection is idle too long or too old (conformance F5, F6).
    fn due(&self, state: &GatewayState, socket: &Socket) -> Moment {
        let idle = socket.last_message.after(state.options.idle_timeout);
        idle.min(self.expires)
    }
}

/// Reads everything that the client has sent, whether or not the client reads (conformance F8).
fn poll_read(
    cx: &mut Context<'_>,
    state: &Arc<GatewayState>,
    connection: &Arc<Connection>,
    socket: &mut Socket,
) -> Poll<End> {
    while connection.may_receive(state.in_flight_bounds()) {
        match socket.poll_read(cx) {
            Poll::Ready(Received::Text(body)) => message::receive(state, connection, &body),
            Poll::Ready(Received::Control) if state.options.pings_reset_idle => {
                socket.last_message = state.options.time.now();
            }
            Poll::Ready(Received::Control) => {}
            Poll::Ready(Received::End(end)) => return Poll::Ready(end),
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Pending
}

/// Ready when the connection must close (conformance F5, F6). A message does not reset the timer. The timer checks the
/// last message when it fires.
fn poll_timer(
    cx: &mut Context<'_>,
    state: &GatewayState,
    socket: &Socket,
    mut timer: Pin<&mut Sleep>,
    alarm: &mut Alarm,
) -> Poll<()> {
    // Fails only without the time, which the options hold.
    if alarm.changes.has_changed().unwrap_or(false) {
        alarm.changes.mark_unchanged();
        timer.as_mut().reset(alarm.next(state, socket));
    }
    while timer.as_mut().poll(cx).is_ready() {
        if alarm
            .slow_until
            .is_some_and(|until| until <= Instant::now())
        {
            alarm.slow_until = None;
            // The waiting messages are written now.
            cx.waker().wake_by_ref();
        }
        if state.options.time.now() >= alarm.due(state, socket) {
            return Poll::Ready(());
        }
        timer.as_mut().reset(alarm.next(state, socket));
    }
    Poll::Pending
}
