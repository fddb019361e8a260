//! What becomes of a TCP connection: a websocket, or requests to the management API.

use super::connection::{self, Connection};
use super::handshake::{self, Handshake};
use super::head::{Head, NoHead, Upgrade};
use super::integration::{Failure, answer};
use super::observed::{Observed, Outcome, What};
use super::refusal::Refusal;
use super::shared::Shared;
use super::socket::linger;
use super::{events, management};
use lambda_ws::Timestamp;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Serves one TCP connection to its end.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    // Boxed: an open connection should not pay for its beginning.
    if let Some(opened) = Box::pin(open(&shared, stream, peer)).await {
        connection::run(&shared, opened.connection, opened.stream, opened.rest).await;
    }
}

/// A connection that has just been opened.
struct Opened {
    connection: Arc<Connection>,
    stream: TcpStream,
    /// What the client has sent since.
    rest: Vec<u8>,
}

async fn open(shared: &Arc<Shared>, mut stream: TcpStream, peer: SocketAddr) -> Option<Opened> {
    // Fails only on a connection that is gone.
    let _ = stream.set_nodelay(true);
    let head = tokio::select! {
        head = timeout(shared.options.head_timeout, Head::read(&mut stream)) => head,
        () = shared.ended() => return None,
    };
    match head {
        Ok(Ok(Head::Upgrade(request))) => upgrade(shared, request, stream, peer).await,
        Ok(Ok(Head::Plain(bytes))) => {
            management::serve(shared, stream, bytes).await;
            None
        }
        Ok(Err(NoHead::Refused(refusal))) => {
            refuse(stream, &refusal, shared.options.close_timeout).await;
            None
        }
        // A client that has said nothing is told nothing.
        Ok(Err(NoHead::Gone)) | Err(_) => None,
    }
}

/// The handshake (conformance B): checked, accepted by `$connect`, answered, in this order.
async fn upgrade(
    shared: &Arc<Shared>,
    request: Upgrade,
    mut stream: TcpStream,
    peer: SocketAddr,
) -> Option<Opened> {
    let limit = shared.options.close_timeout;
    let now = shared.now();
    let mut handshake = match Handshake::check(&request, &shared.stage) {
        Ok(handshake) => handshake,
        Err(refusal) => {
            refuse(stream, &refusal, limit).await;
            return None;
        }
    };
    let port = stream.local_addr().map_or(0, |address| address.port());
    handshake.forward(request.headers, peer, port, shared.new_trace(now));
    let connection = Arc::new(Connection::new(
        shared.new_id(),
        now,
        handshake::source_ip(peer),
        handshake.user_agent.take(),
        std::mem::take(&mut handshake.host),
    ));
    let protocol = match connect(shared, &connection, &handshake, now).await {
        Ok(protocol) => protocol,
        Err(refusal) => {
            refuse(stream, &refusal, limit).await;
            return None;
        }
    };
    // Before the client knows, so that whoever it tells can reach it.
    shared.connections.insert(Arc::clone(&connection));
    let answer = handshake.accept(protocol.as_deref());
    if !matches!(timeout(limit, stream.write_all(&answer)).await, Ok(Ok(()))) {
        connection::lost(shared, &connection).await;
        return None;
    }
    Some(Opened {
        connection,
        stream,
        rest: request.rest,
    })
}

/// Asks the function whether the client may come in: the sub-protocol it chose, or what the client is
/// told instead (conformance B1 to B8). Without a `$connect` route everyone may (conformance B2).
async fn connect(
    shared: &Arc<Shared>,
    connection: &Connection,
    handshake: &Handshake,
    now: Timestamp,
) -> Result<Option<String>, Refusal> {
    let started = Instant::now();
    let request_id = shared.new_id();
    let observe = |route: &str, status, failure: Option<&Failure>| {
        shared.observe(Observed {
            what: What::Connect,
            route,
            connection_id: connection.id.as_str(),
            request_id: &request_id,
            outcome: Outcome::Status(status),
            detail: failure.map(|failure| failure as &dyn fmt::Display),
            duration: started.elapsed(),
        });
    };
    let Some((key, route)) = shared.route("$connect") else {
        observe("", 101, None);
        return Ok(None);
    };
    let (headers, query) = (&handshake.headers, handshake.query.as_ref());
    let event = events::connect(shared, connection, headers, query, &request_id, now);
    let invocation = route.integration.invoke(event, &request_id);
    let answer = answer(invocation, route.timeout, ()).await;
    let status = match &answer {
        Ok(response) => match response.status {
            200..300 if is_header_value(response.protocol.as_deref()) => 101,
            // A 101 is the gateway's to send, and no other 1xx ends a request.
            ..300 => 502,
            status => status,
        },
        Err(Failure::TimedOut) => 504,
        Err(_) => 502,
    };
    observe(key, status, answer.as_ref().err());
    match answer {
        Ok(response) if status == 101 => Ok(response.protocol),
        _ => Err(Refusal::by_connect(
            status,
            connection.id.as_str(),
            &request_id,
        )),
    }
}

fn is_header_value(value: Option<&str>) -> bool {
    value.is_none_or(|value| http::HeaderValue::from_str(value).is_ok())
}

/// Answers a request that becomes nothing, and lets the client read it.
async fn refuse(mut stream: TcpStream, refusal: &Refusal, limit: Duration) {
    // Who does not read its answer in time is cut off.
    let _ = timeout(limit, async {
        stream.write_all(&refusal.to_http1()).await?;
        linger(stream).await;
        Ok::<(), io::Error>(())
    })
    .await;
}
