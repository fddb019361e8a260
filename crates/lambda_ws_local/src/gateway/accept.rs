//! What becomes of a TCP connection: a websocket, or requests to the management API.

use super::authorize::{self, Authorized, Caller};
use super::connection::{Connection, lost, run};
use super::http::HttpError;
use super::http::Stream;
use super::http::{Handshake, source_ip};
use super::http::{Head, HeadError, Upgrade};
use super::integration::answer;
use super::socket::linger;
use super::state::GatewayState;
use super::{events, management};
use crate::activity::{Observer as _, Operation, OperationKind, Outcome};
use lambda_ws_protocol::Timestamp;
use lambda_ws_protocol::response::ErrorFrame;
use lambda_ws_protocol::sigv4::SignatureError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Serves one TCP connection to its end.
pub(super) async fn serve(state: Arc<GatewayState>, stream: TcpStream, peer: SocketAddr) {
    // Boxed: an open connection should not pay for its beginning.
    if let Some(opened) = Box::pin(open(&state, stream, peer)).await {
        run(&state, opened.connection, opened.stream, opened.rest).await;
    }
}

/// A connection that has just been opened.
struct Opened {
    connection: Arc<Connection>,
    stream: Stream,
    /// What the client has sent since.
    rest: Vec<u8>,
}

async fn open(state: &Arc<GatewayState>, stream: TcpStream, peer: SocketAddr) -> Option<Opened> {
    // Fails only on a connection that is gone.
    let _ = stream.set_nodelay(true);
    let begin = async {
        // Who does not speak TLS where it is spoken has been told so by its own library's alert.
        let mut stream = Stream::open(stream, state.options.tls.as_ref())
            .await
            .ok()?;
        let head = Head::read(&mut stream).await;
        Some((stream, head))
    };
    let (stream, head) = tokio::select! {
        begun = timeout(state.options.head_timeout, begin) => begun.ok()??,
        () = state.ended() => return None,
    };
    match head {
        Ok(Head::Upgrade(request)) => upgrade(state, request, stream, peer).await,
        Ok(Head::Plain(bytes)) => {
            management::serve(state, stream, peer, bytes).await;
            None
        }
        Err(HeadError::Rejected(error)) => {
            reject(stream, &error, state.options.close_timeout).await;
            None
        }
        Err(HeadError::Tls) => {
            let error = HttpError::bad_request("this port does not speak TLS");
            if !state.tls_noticed.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "a client speaks TLS to a port that does not: serve it with --tls. A function that posts to \
                     https://{{domainName}}/{{stage}} should leave the endpoint to AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
                );
            }
            reject(stream, &error, state.options.close_timeout).await;
            None
        }
        // A client that has said nothing is told nothing.
        Err(HeadError::Gone) => None,
    }
}

/// The handshake (conformance B): checked, accepted by `$connect`, answered, in this order.
async fn upgrade(
    state: &Arc<GatewayState>,
    request: Upgrade,
    mut stream: Stream,
    peer: SocketAddr,
) -> Option<Opened> {
    let limit = state.options.close_timeout;
    let now = state.now();
    let mut handshake = match Handshake::check(&request, &state.stage) {
        Ok(handshake) => handshake,
        Err(error) => {
            reject(stream, &error, limit).await;
            return None;
        }
    };
    // Before the proxy's headers take the place of the client's: those are signed.
    let signed = authorize::caller(state, &request, now);
    let port = stream.local_addr().map_or(0, |address| address.port());
    let scheme = if state.options.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let trace = state.new_trace(now);
    handshake.forward(request.headers, peer, port, scheme, trace);
    let mut connection = Connection::new(
        state.new_id(),
        now,
        source_ip(peer),
        handshake.user_agent.take(),
        std::mem::take(&mut handshake.host),
    );
    let request_id = state.new_id();
    let asked = authorize(state, &connection, &handshake, signed, &request_id, now);
    let mut authorized = match asked.await {
        Ok(authorized) => authorized,
        Err(error) => {
            reject(stream, &error, limit).await;
            return None;
        }
    };
    connection.authorizer = authorized.decision.context.take();
    let connection = Arc::new(connection);
    let asked = connect(
        state,
        &connection,
        &handshake,
        &authorized,
        &request_id,
        now,
    );
    let protocol = match asked.await {
        Ok(protocol) => protocol,
        Err(error) => {
            reject(stream, &error, limit).await;
            return None;
        }
    };
    // Before the client knows, so that whoever it tells can reach it.
    state.connections.insert(Arc::clone(&connection));
    let observers = &state.options.observers;
    observers.connection_opened(peer.port(), &|| connection.snapshot());
    let answer = handshake.accept(protocol.as_deref());
    if !matches!(timeout(limit, stream.write_all(&answer)).await, Ok(Ok(()))) {
        lost(state, &connection).await;
        return None;
    }
    Some(Opened {
        connection,
        stream,
        rest: request.rest,
    })
}

/// Whether a client may ask to connect: not too many new ones, and with what the API demands of them
/// (conformance B12, B3, B9, B11).
async fn authorize<'a>(
    state: &'a GatewayState,
    connection: &Connection,
    handshake: &Handshake,
    signed: Result<Option<Caller>, SignatureError>,
    request_id: &str,
    now: Timestamp,
) -> Result<Authorized<'a>, HttpError> {
    if !state.options.throttle.connection() {
        let status = ErrorFrame::TooManyRequests.status();
        state.observe(Operation {
            kind: OperationKind::Connect,
            route: "",
            connection_id: connection.id.as_str(),
            request_id,
            outcome: Outcome::Status(status),
            detail: None,
            duration: Duration::ZERO,
        });
        return Err(HttpError::by_connect(
            status,
            connection.id.as_str(),
            request_id,
        ));
    }
    authorize::check(state, connection, handshake, signed, request_id, now).await
}

/// Asks the function whether the client may come in: the sub-protocol it chose, or what the client is
/// told instead (conformance B1 to B8). Without a `$connect` route everyone may (conformance B2).
async fn connect(
    state: &GatewayState,
    connection: &Connection,
    handshake: &Handshake,
    authorized: &Authorized<'_>,
    request_id: &str,
    now: Timestamp,
) -> Result<Option<String>, HttpError> {
    let started = Instant::now();
    let observe = |route: &str, status, failure: Option<&dyn fmt::Display>| {
        state.observe(Operation {
            kind: OperationKind::Connect,
            route,
            connection_id: connection.id.as_str(),
            request_id,
            outcome: Outcome::Status(status),
            detail: failure,
            duration: started.elapsed(),
        });
    };
    let Some((key, route)) = state.route("$connect") else {
        observe("", 101, None);
        return Ok(None);
    };
    let event = events::connect(state, connection, handshake, authorized, request_id, now);
    let hangs = state.options.own_post_hangs;
    let _under_way = hangs.then(|| state.connecting.begin(connection.id.as_str()));
    let invocation = route.integration.invoke(event, request_id);
    let answer = answer(invocation, route.timeout, ()).await;
    let status = match &answer {
        Ok(response) if response.accepts() && is_header_value(response.protocol.as_deref()) => 101,
        // A 101 is the gateway's to send, and no other 1xx ends a request.
        Ok(response) if response.status < 300 => ErrorFrame::InternalServerError.status(),
        Ok(response) => response.status,
        Err(failure) => failure.frame().status(),
    };
    let failure = answer.as_ref().err();
    observe(key, status, failure.map(|failure| failure as _));
    match answer {
        Ok(response) if status == 101 => Ok(response.protocol),
        _ => Err(HttpError::by_connect(
            status,
            connection.id.as_str(),
            request_id,
        )),
    }
}

fn is_header_value(value: Option<&str>) -> bool {
    value.is_none_or(|value| http::HeaderValue::from_str(value).is_ok())
}

/// Answers a request that becomes nothing, and lets the client read it.
async fn reject(mut stream: Stream, error: &HttpError, limit: Duration) {
    // Who does not read its answer in time is cut off.
    let _ = timeout(limit, async {
        stream.write_all(&error.to_http1()).await?;
        linger(stream).await;
        Ok::<(), io::Error>(())
    })
    .await;
}
