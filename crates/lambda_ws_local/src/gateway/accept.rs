//! The first request of a TCP connection, which opens a WebSocket or calls the management API.

use super::authorize::{self, Authorized, Caller};
use super::connection::{Connection, lost, run};
use super::events::ConnectAttempt;
use super::handle::Gateway;
use super::http::{Handshake, Head, HeadError, HttpError, Stream, Upgrade, source_ip};
use super::integration::answer;
use super::management;
use super::socket::linger;
use super::state::GatewayState;
use crate::activity::{Observer as _, OperationKind, Outcome};
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
pub(super) async fn serve(gateway: Gateway, stream: TcpStream, peer: SocketAddr) {
    // Boxed, so that an open connection does not keep the memory of its handshake.
    if let Some(opened) = Box::pin(open(&gateway, stream, peer)).await {
        run(
            &gateway.state,
            opened.connection,
            opened.stream,
            opened.rest,
        )
        .await;
    }
}

/// A connection after its handshake.
struct Opened {
    connection: Arc<Connection>,
    stream: Stream,
    /// The bytes that the client has already sent.
    rest: Vec<u8>,
}

async fn open(gateway: &Gateway, stream: TcpStream, peer: SocketAddr) -> Option<Opened> {
    let state = &gateway.state;
    // Fails only on a lost connection.
    let _ = stream.set_nodelay(true);
    let begin = async {
        // A client that does not speak TLS gets an alert from the TLS library.
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
            management::serve(gateway, stream, peer, bytes).await;
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
                    "a client speaks TLS to a port without TLS: use --tls. A function that posts to \
                     https://{{domainName}}/{{stage}} should leave the endpoint to AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
                );
            }
            reject(stream, &error, state.options.close_timeout).await;
            None
        }
        // A client that sent nothing gets no response.
        Err(HeadError::Gone) => None,
    }
}

/// Handles the handshake (conformance B): checks it, invokes `$connect`, and responds, in this order.
async fn upgrade(
    state: &Arc<GatewayState>,
    mut request: Upgrade,
    mut stream: Stream,
    peer: SocketAddr,
) -> Option<Opened> {
    let limit = state.options.close_timeout;
    let port = stream.local_addr().map_or(0, |address| address.port());
    let rest = std::mem::take(&mut request.rest);
    let (connection, answer) = match handshake(state, request, peer, port).await {
        Ok(accepted) => accepted,
        Err(error) => {
            reject(stream, &error, limit).await;
            return None;
        }
    };
    // Registered before the client gets its id, so that it can be reached at once.
    state.connections.insert(Arc::clone(&connection));
    let observers = &state.options.observers;
    observers.connection_opened(peer.port(), &|| connection.snapshot());
    if !matches!(timeout(limit, stream.write_all(&answer)).await, Ok(Ok(()))) {
        lost(state, &connection).await;
        return None;
    }
    Some(Opened {
        connection,
        stream,
        rest,
    })
}

/// Returns the connection that `$connect` accepted, and its 101.
async fn handshake(
    state: &GatewayState,
    request: Upgrade,
    peer: SocketAddr,
    port: u16,
) -> Result<(Arc<Connection>, Vec<u8>), HttpError> {
    let now = state.now();
    let mut handshake = Handshake::check(&request, &state.stage)?;
    // Verified before the proxy's headers replace those of the client, which are signed.
    let caller = authorize::verify_handshake(state, &request, now);
    let scheme = match state.options.tls {
        Some(_) => "https",
        None => "http",
    };
    handshake.forward(request.headers, peer, port, scheme, state.new_trace(now));
    let mut connection = Connection::new(
        state.new_id(),
        now,
        source_ip(peer),
        handshake.user_agent.take(),
        std::mem::take(&mut handshake.host),
    );
    let request_id = state.new_id();
    let attempt = ConnectAttempt {
        state,
        connection: &connection,
        handshake: &handshake,
        request_id: &request_id,
        now,
    };
    let mut authorized = authorize(&attempt, caller).await?;
    connection.authorizer = authorized.decision.context.take();
    let attempt = ConnectAttempt {
        state,
        connection: &connection,
        handshake: &handshake,
        request_id: &request_id,
        now,
    };
    let protocol = connect(&attempt, &authorized).await?;
    let answer = handshake.accept(protocol.as_deref());
    Ok((Arc::new(connection), answer))
}

/// Checks the limit of new connections, and the authorization and API key of the client (conformance B12, B3, B9, B11).
async fn authorize(
    attempt: &ConnectAttempt<'_>,
    caller: Result<Option<Caller>, SignatureError>,
) -> Result<Authorized, HttpError> {
    if !attempt.state.options.throttle.connection() {
        let status = ErrorFrame::TooManyRequests.status();
        let outcome = Outcome::Status(status);
        attempt.observe(OperationKind::Connect, "", outcome, None, Instant::now());
        return Err(attempt.http_error(status));
    }
    authorize::check(attempt, caller).await
}

/// Invokes `$connect`, and returns the sub-protocol it chose, or the error for the client (conformance B1 to B8).
/// Without a `$connect` route every client is accepted (conformance B2).
async fn connect(
    attempt: &ConnectAttempt<'_>,
    authorized: &Authorized,
) -> Result<Option<String>, HttpError> {
    let started = Instant::now();
    let observe = |route: &str, status, detail: Option<&dyn fmt::Display>| {
        let outcome = Outcome::Status(status);
        attempt.observe(OperationKind::Connect, route, outcome, detail, started);
    };
    let state = attempt.state;
    let Some((key, route)) = state.route("$connect") else {
        observe("", 101, None);
        return Ok(None);
    };
    let event = attempt.connect_event(authorized.api_key.as_ref(), authorized.caller.as_ref());
    let hangs = state.options.own_post_hangs;
    let _connecting = hangs.then(|| state.connecting.begin(attempt.connection.id.as_str()));
    let invocation = route.integration.invoke(event, attempt.request_id);
    let answer = answer(invocation, route.timeout, ()).await;
    let status = match &answer {
        Ok(response) if response.accepts() && is_header_value(response.protocol.as_deref()) => 101,
        // The gateway itself sends the 101, and no other 1xx ends a request.
        Ok(response) if response.status < 300 => ErrorFrame::InternalServerError.status(),
        Ok(response) => response.status,
        Err(failure) => failure.frame().status(),
    };
    let failure = answer.as_ref().err();
    observe(key, status, failure.map(|failure| failure as _));
    match answer {
        Ok(response) if status == 101 => Ok(response.protocol),
        _ => Err(attempt.http_error(status)),
    }
}

fn is_header_value(value: Option<&str>) -> bool {
    value.is_none_or(|value| http::HeaderValue::from_str(value).is_ok())
}

/// Responds with an error, and waits until the client has read it.
async fn reject(mut stream: Stream, error: &HttpError, limit: Duration) {
    // A client that does not read the response in time is disconnected.
    let _ = timeout(limit, async {
        stream.write_all(&error.to_http1()).await?;
        linger(stream).await;
        Ok::<(), io::Error>(())
    })
    .await;
}
