//! The plain HTTP requests of a TCP connection: the management API, and the pages beside the stage.

use super::call::manage;
use crate::faults::AnswerLost;
use crate::gateway::handle::{Audience, Gateway, PageBody};
use crate::gateway::http::{HttpError, after_stage, check_size, stage};
use crate::gateway::state::GatewayState;
use crate::guard::Guard;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use std::io::Cursor;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, join};

/// How long a client may keep an idle connection. Longer than the 20 s or so of client libraries.
const KEEP_ALIVE: Duration = Duration::from_secs(90);

/// The response to another machine that requests a page of [`Audience::ThisMachine`].
const LOCAL_ONLY: &str = "only this machine may use this page, through a loopback address or localhost: start the gateway with --expose \
                         admin or --expose console to open it to other machines";

/// Serves the requests of a TCP connection whose first one begins with `head`.
pub(crate) async fn serve(
    gateway: &Gateway,
    stream: impl AsyncRead + AsyncWrite,
    peer: SocketAddr,
    head: Vec<u8>,
) {
    let (read, write) = tokio::io::split(stream);
    let rejoined = join(Cursor::new(head).chain(read), write);
    let service = service_fn(|request| respond(gateway, peer, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(KEEP_ALIVE)
        .serve_connection(TokioIo::new(rejoined), service);
    let mut connection = pin!(connection);
    // Errors are the client's: an invalid request or a lost connection.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = gateway.ended() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn respond(
    gateway: &Gateway,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Either<Full<Bytes>, PageBody>>, AnswerLost> {
    if let Err(too_large) = check_size(&request) {
        return Ok(too_large.into_response().map(Either::Left));
    }
    if stage(request.uri().path()) != Some(gateway.stage()) {
        return Ok(page(gateway, peer, request).await);
    }
    let response = management_call(&gateway.state, request).await?;
    Ok(response.map(Either::Left))
}

/// Responds to a request for a path outside the stage.
async fn page(
    gateway: &Gateway,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<Either<Full<Bytes>, PageBody>> {
    let rejected = |error: HttpError| error.into_response().map(Either::Left);
    let Some(pages) = &gateway.pages else {
        return rejected(HttpError::forbidden());
    };
    let (guard, headers) = (&gateway.state.options.guard, request.headers());
    let audience = pages.audience(request.uri().path());
    let checked = match audience {
        Audience::Everyone => guard.check_link(headers),
        Audience::OtherMachines | Audience::ThisMachine => guard.check(headers),
    };
    let is_local = || {
        // A tunnel also connects from a loopback address, but with another host name.
        peer.ip().to_canonical().is_loopback() && Guard::default().check(headers).is_ok()
    };
    let message = match checked {
        Err(foreign) => foreign.to_string(),
        Ok(()) if audience == Audience::ThisMachine && !is_local() => LOCAL_ONLY.to_owned(),
        Ok(()) => String::new(),
    };
    if !message.is_empty() {
        return rejected(HttpError::new(403, "ForbiddenException", &message));
    }
    match pages.answer(gateway, request) {
        Some(page) => page.await.map(Either::Right),
        None => rejected(HttpError::forbidden()),
    }
}

/// Responds to a request for a path of the stage.
async fn management_call(
    state: &GatewayState,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, AnswerLost> {
    let path = request.uri().path();
    let rest = after_stage(path);
    let (segment, id) = rest.split_once('/').unwrap_or((rest, ""));
    // Conformance G1: `@` or `%40`, `=` or `%3D`.
    let id = id.strip_suffix('/').unwrap_or(id);
    let managed = percent_decode_str(segment).eq(*b"@connections") && !id.is_empty();
    // A connection has no subpaths. Code that adds `/@connections` to a URL that already ends with it gets 403.
    if managed && id.contains('/') {
        return Ok(HttpError::forbidden().into_response());
    }
    if !managed {
        let error = match *request.method() {
            Method::GET | Method::HEAD => HttpError::upgrade_required(),
            _ => HttpError::forbidden(),
        };
        return Ok(error.into_response());
    }
    if let Err(error) = state.options.guard.check(request.headers()) {
        let error = HttpError::new(403, "ForbiddenException", &error.to_string());
        return Ok(error.into_response());
    }
    let id = percent_decode_str(id).decode_utf8_lossy().into_owned();
    manage(state, request, &id).await
}
