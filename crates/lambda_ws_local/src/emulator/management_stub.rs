//! A management API without clients. It accepts every post and prints it.

use super::report::{Notice, Reporter};
use crate::guard::Guard;
use crate::reply::{empty, json};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use tokio::net::TcpListener;

/// Serves until the future is dropped.
pub(super) async fn serve(listener: TcpListener, guard: Guard, reporter: Reporter) {
    while let Ok((stream, _)) = listener.accept().await {
        let (guard, reporter) = (guard.clone(), reporter.clone());
        let answer = service_fn(move |request| {
            let (guard, reporter) = (guard.clone(), reporter.clone());
            async move { Ok::<_, Infallible>(respond(request, &guard, &reporter).await) }
        });
        let served = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
        tokio::spawn(served);
    }
}

async fn respond(
    request: Request<Incoming>,
    guard: &Guard,
    reporter: &Reporter,
) -> Response<Full<Bytes>> {
    if let Err(error) = guard.check(request.headers()) {
        return error.response();
    }
    let path = percent_encoding::percent_decode_str(request.uri().path()).decode_utf8_lossy();
    let Some(id) = path
        .split_once("/@connections/")
        .map(|(_, id)| id.to_owned())
    else {
        return empty(StatusCode::NOT_FOUND);
    };
    match *request.method() {
        Method::POST => {
            let Ok(body) = request.into_body().collect().await else {
                return empty(StatusCode::BAD_REQUEST);
            };
            let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            called(reporter, "post", &format!("{id} {text}"));
            empty(StatusCode::OK)
        }
        Method::DELETE => {
            called(reporter, "delete", &id);
            empty(StatusCode::NO_CONTENT)
        }
        Method::GET => {
            let inspected = br#"{"connectedAt":"2026-01-01T00:00:00.000Z","identity":{"sourceIp":"127.0.0.1","userAgent":null},"lastActiveAt":"2026-01-01T00:00:00.000Z"}"#;
            json(StatusCode::OK, &inspected[..])
        }
        _ => empty(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn called(reporter: &Reporter, action: &str, text: &str) {
    reporter.report(Notice::ClientCall { action, text });
}
