//! One call of the management API, from its authorization to its response.

use super::error::CallError;
use super::operations::{delete, inspect, post};
use crate::activity::{Call, Observer as _, Operation, OperationKind, Outcome};
use crate::faults::{AnswerLost, Kind, Place};
use crate::gateway::authorize;
use crate::gateway::http::HttpError;
use crate::gateway::state::GatewayState;
use crate::session_tokens;
use bytes::Bytes;
use http::header::{ALLOW, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use lambda_ws_protocol::limits::MESSAGE_BYTES;
use lambda_ws_protocol::sigv4;
use std::time::Duration;
use tokio::time::{Instant, timeout};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum number of bytes that are read of a body that is too large. Its sender can then read the response.
const DISCARDED_BYTES: u64 = 16 * 1024 * 1024;

/// Handles one call, if it is signed and permitted (conformance G3).
pub(super) async fn manage(
    state: &GatewayState,
    request: Request<Incoming>,
    id: &str,
) -> Result<Response<Full<Bytes>>, AnswerLost> {
    let started = Instant::now();
    let operation = match *request.method() {
        Method::POST => OperationKind::Post,
        Method::GET => OperationKind::Inspect,
        Method::DELETE => OperationKind::Delete,
        _ => return Ok(method_not_allowed()),
    };
    let (head, body) = request.into_parts();
    let authorized = authorize(state, &head, body, operation).await;
    let sent = authorized.as_ref().cloned().unwrap_or_default();
    let fault = fault(state, &ANY_CALL).await;
    let done = match (authorized, fault) {
        (Ok(data), None | Some(Kind::LostAnswer)) => carry_out(state, id, operation, data).await,
        (Ok(_), Some(kind)) => Err(CallError::on_purpose(kind)),
        (Err(error), _) => Err(error),
    };
    let reason = done.as_ref().err().and_then(CallError::detail);
    let mut response = done.unwrap_or_else(|error| error.http_error(id).into_response());
    let status = response.status().as_u16();
    let request_id = state.new_id();
    state.options.observers.api_called(
        session_tokens::of_request(&head.headers),
        &Call {
            service: "management",
            action: head.method.as_str(),
            target: id,
            status,
            duration: started.elapsed(),
            request: sent,
            response: Bytes::new(),
            detail: reason.clone(),
        },
    );
    state.observe(Operation {
        kind: operation,
        route: "",
        connection_id: id,
        request_id: &request_id,
        outcome: Outcome::Status(status),
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

fn method_not_allowed() -> Response<Full<Bytes>> {
    let error = HttpError::new(405, "MethodNotAllowedException", "Method Not Allowed");
    let mut response = error.into_response();
    let methods = HeaderValue::from_static("DELETE, GET, POST");
    response.headers_mut().insert(ALLOW, methods);
    response
}

async fn carry_out(
    state: &GatewayState,
    id: &str,
    operation: OperationKind,
    data: Bytes,
) -> Result<Response<Full<Bytes>>, CallError> {
    match operation {
        OperationKind::Inspect => inspect(state, id),
        OperationKind::Delete => delete(state, id),
        // Fails even if the connection has opened meanwhile.
        _ if state.options.own_post_hangs && state.connecting.ended(id).await => {
            Err(CallError::Gone)
        }
        _ => post(state, id, data).map(|()| Response::default()),
    }
}

const ANY_CALL: [Kind; 3] = [Kind::Throttle, Kind::Error, Kind::LostAnswer];

/// Waits for the injected latency, and returns the injected fault.
async fn fault(state: &GatewayState, kinds: &[Kind]) -> Option<Kind> {
    let faults = &state.options.faults;
    let latency = faults.latency(Place::Gateway, Kind::PostLatency);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    faults.first(Place::Gateway, kinds)
}

/// Reads the body of a POST, or one that a signature covers. Then checks the signature and the permission.
async fn authorize(
    state: &GatewayState,
    head: &Parts,
    body: Incoming,
    operation: OperationKind,
) -> Result<Bytes, CallError> {
    let data = match operation {
        OperationKind::Inspect | OperationKind::Delete if state.options.credentials.is_none() => {
            Bytes::new()
        }
        _ => read(body).await?,
    };
    authorize::verify_call(state, || sigv4::Request {
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

/// Reads a body, up to the size of a message.
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
