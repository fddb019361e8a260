//! The Lambda Runtime API (2018-06-01) of one execution environment, and the part of the Extensions API (2020-01-01)
//! that an internal extension needs to get a signal before its process ends.

use super::error::{InvokeError, RESPONSE_LIMIT};
use super::pool::Pool;
use super::sandbox::{NextRequest, Sandbox};
use crate::body::Body;
use crate::guard::{Guard, GuardError};
use crate::listener::Handler;
use crate::reply::json;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Deserialize;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
const EXTENSION_ID: HeaderName = HeaderName::from_static("lambda-extension-identifier");
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The maximum size of an error report, in bytes. The rest is dropped.
const REPORT_LIMIT: usize = 256 * 1024;
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than the timeout of any event (15 minutes). A runtime may keep an idle connection and stream a response for
/// this time.
const LIFE: Duration = Duration::from_secs(20 * 60);

#[derive(Clone)]
pub(crate) struct RuntimeApi {
    pool: Arc<Pool>,
    sandbox: Arc<Sandbox>,
    guard: Guard,
    arn: HeaderValue,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Report {
    error_type: Option<String>,
    error_message: Option<String>,
}

impl RuntimeApi {
    pub(crate) fn new(pool: Arc<Pool>, sandbox: Arc<Sandbox>) -> RuntimeApi {
        let arn = HeaderValue::from_str(&pool.config.arn)
            .unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        RuntimeApi {
            pool,
            sandbox,
            guard: Guard::default(),
            arn,
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        match self.sandbox.request_next() {
            Some(NextRequest::First) => self.pool.ready(),
            Some(NextRequest::Again) => {}
            None => {
                if self.sandbox.is_crashing() {
                    // The process is about to be killed and should not see another error.
                    std::future::pending::<()>().await;
                }
                return invalid_state("the process has as many events as it may have at once");
            }
        }
        let event = self.pool.next(self.sandbox.number);
        let Some(job) = self.sandbox.freezer.wait(event).await else {
            if self.pool.is_closed() {
                // A response would confuse the process, which is about to be killed.
                self.sandbox.dismiss();
                std::future::pending::<()>().await;
            }
            return invalid_state("there are no more events");
        };
        let (request_id, trace, event) = match self.sandbox.begin(job.take()) {
            Ok(begun) => begun,
            Err(job) => {
                self.pool.put_back(job);
                return invalid_state("the environment has ended");
            }
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let deadline = (now + self.pool.config.timeout).as_millis();
        let mut response = Response::new(Full::new(event));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(REQUEST_ID, value(&request_id));
        headers.insert(
            DEADLINE,
            HeaderValue::from(u64::try_from(deadline).unwrap_or(u64::MAX)),
        );
        headers.insert(ARN, self.arn.clone());
        headers.insert(TRACE_ID, trace);
        response
    }

    async fn response(&self, request_id: &str, body: Incoming) -> Response<Full<Bytes>> {
        if !self.sandbox.works_on(request_id) {
            return unknown_request_id();
        }
        // An incomplete body is not a response. The process retries, ends, or reaches its timeout.
        let Some(Body {
            bytes,
            size,
            trailers,
        }) = Body::read(body, RESPONSE_LIMIT, LIFE).await
        else {
            return refuse(
                StatusCode::BAD_REQUEST,
                "InvalidRequest",
                "the body is incomplete",
            );
        };
        if size > RESPONSE_LIMIT {
            self.sandbox
                .finish(request_id, Err(InvokeError::TooLarge { size }));
            let message = format!("exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)");
            return refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                &message,
            );
        }
        // A streamed response reports a failure in its trailers.
        let answer = match trailers.and_then(|trailers| text(&trailers, ERROR_TYPE)) {
            None => Ok(bytes),
            Some(error_type) => Err(InvokeError::Handler {
                error_type,
                message: "the response stream broke off".to_owned(),
                report: Bytes::new(),
            }),
        };
        if self.sandbox.finish(request_id, answer) {
            accepted()
        } else {
            unknown_request_id()
        }
    }

    async fn error(
        &self,
        request_id: &str,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Response<Full<Bytes>> {
        let (error_type, message, report) = report(headers, body).await;
        if self.sandbox.finish(
            request_id,
            Err(InvokeError::Handler {
                error_type,
                message,
                report,
            }),
        ) {
            accepted()
        } else {
            unknown_request_id()
        }
    }

    /// An internal extension registers, or waits for events, which it never gets.
    async fn extension(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        match (method, path) {
            (&Method::POST, "register") => {
                self.sandbox.register_extension();
                let name = &self.pool.config.name;
                let body = serde_json::json!({
                    "functionName": name, "functionVersion": "$LATEST", "handler": "bootstrap",
                });
                let mut response = json(StatusCode::OK, body.to_string());
                let id = value(&super::id::request_id());
                response.headers_mut().insert(EXTENSION_ID, id);
                response
            }
            (&Method::GET, "event/next") => std::future::pending().await,
            _ => unknown_path(),
        }
    }

    async fn init_error(&self, headers: &HeaderMap, body: Incoming) -> Response<Full<Bytes>> {
        let (error_type, message, _) = report(headers, body).await;
        if self.sandbox.fail(error_type, message) {
            accepted()
        } else {
            invalid_state("the function has started already")
        }
    }
}

impl Handler for RuntimeApi {
    const PATIENCE: Duration = LIFE;

    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        if let Err(error) = self.guard.check(&parts.headers) {
            return error.response();
        }
        // Web pages must not call this API, whatever their origin.
        if parts.headers.contains_key(ORIGIN) {
            return GuardError::Origin.response();
        }
        let path = parts.uri.path();
        if let Some(path) = path.strip_prefix("/2020-01-01/extension/") {
            return self.extension(&parts.method, path).await;
        }
        let Some(path) = path.strip_prefix("/2018-06-01/") else {
            return unknown_path();
        };
        match (&parts.method, path) {
            (&Method::GET, "runtime/invocation/next") => self.next().await,
            (&Method::GET, "ping") => Response::new(Full::from("pong")),
            (&Method::POST, "runtime/init/error") => self.init_error(&parts.headers, body).await,
            (&Method::POST, path) => {
                match path
                    .strip_prefix("runtime/invocation/")
                    .and_then(|rest| rest.split_once('/'))
                {
                    Some((request_id, "response")) => self.response(request_id, body).await,
                    Some((request_id, "error")) => {
                        self.error(request_id, &parts.headers, body).await
                    }
                    _ => unknown_path(),
                }
            }
            _ => unknown_path(),
        }
    }
}

/// Returns the type, the message and the bytes of an error report in any format.
async fn report(headers: &HeaderMap, body: Incoming) -> (String, String, Bytes) {
    let body = Body::read(body, REPORT_LIMIT, REPORT_TIMEOUT)
        .await
        .map(|body| body.bytes)
        .unwrap_or_default();
    let report = serde_json::from_slice::<Report>(&body).unwrap_or_default();
    let error_type = report
        .error_type
        .or_else(|| text(headers, ERROR_TYPE))
        .unwrap_or_else(|| "Unhandled".to_owned());
    let message = report
        .error_message
        .unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
    (error_type, message, body)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("request ids are checked by `invoke`")
}

fn accepted() -> Response<Full<Bytes>> {
    json(
        StatusCode::ACCEPTED,
        Bytes::from_static(br#"{"status":"OK"}"#),
    )
}

fn unknown_request_id() -> Response<Full<Bytes>> {
    refuse(
        StatusCode::BAD_REQUEST,
        "InvalidRequestID",
        "Invalid request ID",
    )
}

fn invalid_state(message: &str) -> Response<Full<Bytes>> {
    refuse(StatusCode::FORBIDDEN, "InvalidStateTransition", message)
}

fn unknown_path() -> Response<Full<Bytes>> {
    refuse(
        StatusCode::NOT_FOUND,
        "NotFound",
        "the Runtime API has no such path",
    )
}

fn refuse(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    json(
        status,
        format!(r#"{{"errorMessage":"{message}","errorType":"{error_type}"}}"#),
    )
}
