//! The `@connections` management API (conformance G), and what else a plain request is told.

use super::authorize;
use super::connection::Close;
use super::connection::Connection;
use super::connection::PushError;
use super::http::HttpError;
use super::http::check_size;
use super::http::{after_stage, stage};
use super::options::Fault;
use super::state::GatewayState;
use super::{Audience, Gateway, PageBody};
use crate::activity::{Call, Observer as _};
use crate::activity::{Operation, OperationKind, Outcome};
use crate::faults::{AnswerLost, Kind, Place};
use crate::guard::Guard;
use crate::session_tokens;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lambda_ws_protocol::event::{is_id, iso8601};
use lambda_ws_protocol::limits::MESSAGE_BYTES;
use lambda_ws_protocol::sigv4::{self, SignatureError};
use percent_encoding::percent_decode_str;
use std::io::Cursor;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, join};
use tokio::time::{Instant, timeout};

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// How long a client may keep a connection without a request. Longer than the 20 s or so for which
/// clients keep idle connections themselves.
const KEEP_ALIVE: Duration = Duration::from_secs(90);
/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read, so that its sender reads the answer.
const DISCARDED_BYTES: u64 = 16 * 1024 * 1024;

/// The answer to another machine that asks for a page of [`Audience::ThisMachine`].
const NEAR_ONLY: &str = "only this machine may ask, by a loopback address or localhost: start the gateway with --expose \
                         admin or --expose console to let others in";

/// Serves the requests of a TCP connection whose first one begins with `head`.
pub(super) async fn serve(
    state: &Arc<GatewayState>,
    stream: impl AsyncRead + AsyncWrite,
    peer: SocketAddr,
    head: Vec<u8>,
) {
    let (read, write) = tokio::io::split(stream);
    let rejoined = join(Cursor::new(head).chain(read), write);
    let service = service_fn(|request| {
        let state = Arc::clone(state);
        async move { respond(&state, peer, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(KEEP_ALIVE)
        .serve_connection(TokioIo::new(rejoined), service);
    let mut connection = pin!(connection);
    // Errors are the client's: a broken request or a connection that ended.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = state.ended() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn respond(
    state: &Arc<GatewayState>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Either<Full<Bytes>, PageBody>>, AnswerLost> {
    if let Err(too_large) = check_size(&request) {
        return Ok(answer(too_large).map(Either::Left));
    }
    if stage(request.uri().path()) != Some(&state.stage) {
        return Ok(elsewhere(state, peer, request).await);
    }
    let response = stage_page(state, request).await?;
    Ok(response.map(Either::Left))
}

/// Answers a request for another path than those of the stage.
async fn elsewhere(
    state: &Arc<GatewayState>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<Either<Full<Bytes>, PageBody>> {
    let rejected = |error| answer(error).map(Either::Left);
    let Some(pages) = &state.options.pages else {
        return rejected(HttpError::forbidden());
    };
    let (guard, headers) = (&state.options.guard, request.headers());
    let audience = pages.audience(request.uri().path());
    let checked = match audience {
        Audience::Everyone => guard.check_link(headers),
        Audience::OtherMachines | Audience::ThisMachine => guard.check(headers),
    };
    let is_near = || {
        // A tunnel, too, comes from a loopback address, but names another host.
        peer.ip().to_canonical().is_loopback() && Guard::default().check(headers).is_ok()
    };
    let message = match checked {
        Err(foreign) => foreign.to_string(),
        Ok(()) if audience == Audience::ThisMachine && !is_near() => NEAR_ONLY.to_owned(),
        Ok(()) => String::new(),
    };
    if !message.is_empty() {
        return rejected(HttpError::new(403, "ForbiddenException", &message));
    }
    let gateway = Gateway {
        state: Arc::clone(state),
    };
    match pages.answer(&gateway, request) {
        Some(page) => page.await.map(Either::Right),
        None => rejected(HttpError::forbidden()),
    }
}

async fn stage_page(
    state: &Arc<GatewayState>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, AnswerLost> {
    let path = request.uri().path();
    let rest = after_stage(path);
    let (segment, id) = rest.split_once('/').unwrap_or((rest, ""));
    // G1: `@` or `%40`, `=` or `%3D`.
    let id = id.strip_suffix('/').unwrap_or(id);
    let managed = percent_decode_str(segment).eq(*b"@connections") && !id.is_empty();
    // There is no path below a connection: code that adds `/@connections` to a URL that ends in it is told 403.
    if managed && id.contains('/') {
        return Ok(answer(HttpError::forbidden()));
    }
    if !managed {
        return Ok(answer(match *request.method() {
            Method::GET | Method::HEAD => HttpError::upgrade_required(),
            _ => HttpError::forbidden(),
        }));
    }
    if let Err(refused) = state.options.guard.check(request.headers()) {
        let message = refused.to_string();
        return Ok(answer(HttpError::new(403, "ForbiddenException", &message)));
    }
    let id = percent_decode_str(id).decode_utf8_lossy().into_owned();
    manage(state, request, &id).await
}

/// Carries out one call, if it is signed as it should be and permitted (conformance G3).
async fn manage(
    state: &Arc<GatewayState>,
    request: Request<Incoming>,
    id: &str,
) -> Result<Response<Full<Bytes>>, AnswerLost> {
    let started = Instant::now();
    let what = match *request.method() {
        Method::POST => OperationKind::Post,
        Method::GET => OperationKind::Inspect,
        Method::DELETE => OperationKind::Delete,
        _ => {
            let mut response = answer(HttpError::new(
                405,
                "MethodNotAllowedException",
                "Method Not Allowed",
            ));
            let methods = HeaderValue::from_static("DELETE, GET, POST");
            response.headers_mut().insert(ALLOW, methods);
            return Ok(response);
        }
    };
    let (head, body) = request.into_parts();
    let authorized = authorize(state, &head, body, what).await;
    // GatewayState and not copied.
    let sent = authorized.as_ref().cloned().unwrap_or_default();
    let fault = fault(state, &ANY_CALL).await;
    let done = match (authorized, fault) {
        (Ok(data), None | Some(Kind::LostAnswer)) => match what {
            OperationKind::Inspect => inspect(state, id),
            OperationKind::Delete => delete(state, id),
            _ => {
                // It fails even where the connection is open by then.
                if state.options.own_post_hangs && state.connecting.ended(id).await {
                    Err(CallError::Gone)
                } else {
                    post(state, id, data).map(|()| Response::default())
                }
            }
        },
        (Ok(_), Some(kind)) => Err(CallError::on_purpose(kind)),
        (Err(error), _) => Err(error),
    };
    let reason = done.as_ref().err().and_then(CallError::detail);
    let mut response = done.unwrap_or_else(|error| answer(error.http_error(id)));
    let request_id = state.new_id();
    let token = session_tokens::of_request(&head.headers);
    state.options.observers.api_called(
        token,
        &Call {
            service: "management",
            action: head.method.as_str(),
            target: id,
            status: response.status().as_u16(),
            duration: started.elapsed(),
            request: sent,
            response: Bytes::new(),
            detail: reason.clone(),
        },
    );
    state.observe(Operation {
        kind: what,
        route: "",
        connection_id: id,
        request_id: &request_id,
        outcome: Outcome::Status(response.status().as_u16()),
        detail: reason.as_ref().map(|reason| reason as _),
        duration: started.elapsed(),
    });
    if let Ok(request_id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(REQUEST_ID, request_id);
    }
    match fault {
        Some(Kind::LostAnswer) => Err(AnswerLost),
        _ => Ok(response),
    }
}

/// What can go wrong with every call.
const ANY_CALL: [Kind; 3] = [Kind::Throttle, Kind::Error, Kind::LostAnswer];

/// Takes the time that a call takes on purpose, and decides what goes wrong with it.
async fn fault(state: &GatewayState, kinds: &[Kind]) -> Option<Kind> {
    let faults = &state.options.faults;
    let latency = faults.latency(Place::Gateway, Kind::PostLatency);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    faults.first(Place::Gateway, kinds)
}

/// Why a call fails (conformance G6).
#[derive(Debug, Clone, PartialEq, Eq)]
enum CallError {
    Unsigned(SignatureError),
    Denied(HttpError),
    BadId,
    Gone,
    TooLarge,
    NotText,
    Unread,
    Full,
    TooFast,
    Failing,
}

impl CallError {
    /// What a call is told that this fault meets.
    fn on_purpose(kind: Kind) -> Self {
        match kind {
            Kind::Gone | Kind::FalseGone => Self::Gone,
            Kind::Throttle => Self::Full,
            _ => Self::Failing,
        }
    }

    fn http_error(self, id: &str) -> HttpError {
        match self {
            Self::Unsigned(error) => HttpError::unsigned(&error),
            Self::Denied(error) => error,
            Self::BadId => {
                let message = format!("Invalid connectionId: {id}");
                HttpError::new(400, "BadRequestException", &message)
            }
            Self::Gone => HttpError::empty(410, "GoneException"),
            Self::TooLarge => HttpError::new(
                413,
                "PayloadTooLargeException",
                "Message too long: 128 KB (131072 bytes) at most",
            ),
            Self::NotText => HttpError::new(
                400,
                "BadRequestException",
                "The data is not UTF-8: clients are sent text frames only",
            ),
            Self::Unread => HttpError::new(
                400,
                "BadRequestException",
                "The request's body did not arrive",
            ),
            Self::Full | Self::TooFast => HttpError::empty(429, "LimitExceededException"),
            Self::Failing => HttpError::new(500, "InternalFailure", "Internal server error"),
        }
    }

    /// Why, where the status does not say it.
    fn detail(&self) -> Option<String> {
        match self {
            Self::Unsigned(error) => Some(error.to_string()),
            Self::Denied(_) => Some("the permission is denied by the gateway's options".to_owned()),
            _ => None,
        }
    }
}

/// Reads the data of a POST, and whatever a signature covers; then checks who calls, and whether it may.
async fn authorize(
    state: &GatewayState,
    head: &Parts,
    body: Incoming,
    what: OperationKind,
) -> Result<Bytes, CallError> {
    let data = match what {
        OperationKind::Inspect | OperationKind::Delete if state.options.credentials.is_none() => {
            Bytes::new()
        }
        _ => read(body).await?,
    };
    let token = session_tokens::of_request(&head.headers);
    authorize::signed(state, token, || sigv4::Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect(),
        body: &data,
    })
    .map_err(CallError::Unsigned)?;
    match authorize::denied(state, &head.method) {
        Some(error) => Err(CallError::Denied(error)),
        None => Ok(data),
    }
}

/// Counts a call (conformance G11).
fn within_limits(state: &GatewayState) -> Result<(), CallError> {
    match state.options.throttle.call() {
        true => Ok(()),
        false => Err(CallError::TooFast),
    }
}

/// Decides what becomes of a POST. OperationKind it takes is behind all that was taken before.
fn post(state: &GatewayState, id: &str, data: Bytes) -> Result<(), CallError> {
    within_limits(state)?;
    if !is_id(id) {
        return Err(CallError::BadId);
    }
    if data.len() > MESSAGE_BYTES {
        return Err(CallError::TooLarge);
    }
    // F4.
    if std::str::from_utf8(&data).is_err() {
        return Err(CallError::NotText);
    }
    // G7: a connection in its `$connect` is not among them yet.
    let connection = state.connections.find(id).ok_or(CallError::Gone)?;
    fail_on_purpose(state, id, &connection)?;
    let pushed = connection.outbox.push(data, state.bounds());
    pushed.map_err(|reason| match reason {
        PushError::Closed => CallError::Gone,
        PushError::Full => CallError::Full,
    })?;
    connection.touch(state.now());
    Ok(())
}

/// A POST of the console, which signs nothing; its status.
pub(super) fn post_unsigned(state: &GatewayState, id: &str, data: Bytes) -> u16 {
    let posted = post(state, id, data);
    posted.map_or_else(|error| error.http_error(id).status, |()| 200)
}

/// A DELETE of the console; its status.
pub(super) fn delete_unsigned(state: &GatewayState, id: &str) -> u16 {
    delete(state, id).map_or_else(
        |error| error.http_error(id).status,
        |answer| answer.status().as_u16(),
    )
}

/// What is known of a connection (conformance G5, G10).
fn inspect(state: &GatewayState, id: &str) -> Result<Response<Full<Bytes>>, CallError> {
    within_limits(state)?;
    if !is_id(id) {
        return Err(CallError::BadId);
    }
    let connection = state.connections.find(id).ok_or(CallError::Gone)?;
    let body = serde_json::json!({
        "connectedAt": iso8601(connection.connected_at),
        "identity": {
            "sourceIp": &*connection.source_ip,
            "userAgent": connection.user_agent.as_deref(),
        },
        "lastActiveAt": iso8601(connection.last_active()),
    });
    let mut response = Response::new(Full::from(body.to_string()));
    json(&mut response);
    Ok(response)
}

/// Fails a POST or a DELETE for a live connection, if that is wanted.
fn fail_on_purpose(
    state: &GatewayState,
    id: &str,
    connection: &Connection,
) -> Result<(), CallError> {
    let faults = &state.options.faults;
    if let Some(kind) = faults.first(Place::Gateway, &[Kind::Gone, Kind::FalseGone]) {
        if kind == Kind::Gone {
            connection.outbox.request_close(Close::LOST);
        }
        return Err(CallError::on_purpose(kind));
    }
    let script = state.options.script.as_ref();
    match script.and_then(|script| script(id)) {
        Some(Fault::Gone) => Err(CallError::Gone),
        Some(Fault::Throttled) => Err(CallError::TooFast),
        Some(Fault::Failing) => Err(CallError::Failing),
        None => Ok(()),
    }
}

/// Closes a connection (conformance G9).
fn delete(state: &GatewayState, id: &str) -> Result<Response<Full<Bytes>>, CallError> {
    within_limits(state)?;
    if !is_id(id) {
        return Err(CallError::BadId);
    }
    let connection = state.connections.find(id).ok_or(CallError::Gone)?;
    fail_on_purpose(state, id, &connection)?;
    if !connection.outbox.request_close(Close::NORMAL) {
        return Err(CallError::Gone);
    }
    let mut response = Response::default();
    *response.status_mut() = http::StatusCode::NO_CONTENT;
    Ok(response)
}

/// Reads a body of the size of a message.
async fn read(body: Incoming) -> Result<Bytes, CallError> {
    let size = body.size_hint().lower();
    let read = timeout(BODY_TIMEOUT, async {
        if size > MESSAGE_BYTES as u64 {
            if size <= DISCARDED_BYTES {
                let mut body = body;
                while let Some(Ok(_)) = body.frame().await {}
            }
            return Err(CallError::TooLarge);
        }
        let body = Limited::new(body, MESSAGE_BYTES).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                CallError::TooLarge
            } else {
                CallError::Unread
            }
        })
    });
    read.await.unwrap_or(Err(CallError::Unread))
}

fn answer(error: HttpError) -> Response<Full<Bytes>> {
    let has_body = !error.body.is_empty();
    let mut response = Response::new(Full::from(error.body));
    *response.status_mut() =
        http::StatusCode::from_u16(error.status).expect("the statuses of this module are valid");
    let headers = response.headers_mut();
    headers.insert(ERROR_TYPE, HeaderValue::from_static(error.kind));
    if let Some((name, value)) = error.header
        && let Ok(name) = HeaderName::try_from(name)
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if has_body {
        json(&mut response);
    }
    response
}

fn json(response: &mut Response<Full<Bytes>>) {
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
}
