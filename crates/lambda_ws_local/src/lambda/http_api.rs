//! The operation Invoke (2015-03-31) over HTTP.

use super::exception::Exception;
use super::name::Name;
use super::{EVENT_LIMIT, Invocable, Lambda, REQUEST_LIMIT, report};
use crate::activity::{Call, Observer as _};
use crate::body::Body;
use crate::function::{CallerTrace, InvokeError, request_id};
use crate::listener::Handler;
use crate::reply::{empty, json};
use crate::session_tokens;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, request};
use http_body_util::Full;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::de::IgnoredAny;
use std::time::{Duration, Instant};

const INVOCATION_TYPE: &str = "x-amz-invocation-type";
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The only version.
const LATEST: &str = "$LATEST";

/// The local account.
const ACCOUNT: &str = "000000000000";

/// How long a client may keep an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(90);

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    RequestResponse,
    Event,
    DryRun,
}

impl Handler for Lambda {
    const PATIENCE: Duration = KEEP_ALIVE;

    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        if let Err(error) = self.shared.guard.check(&parts.headers) {
            return error.response();
        }
        let request_id = request_id();
        let started = Instant::now();
        let answer = self.answer(&parts, body, &request_id).await;
        let mut response = answer.unwrap_or_else(|exception| exception.response());
        let token = session_tokens::of_request(&parts.headers);
        self.shared.observers.api_called(
            token,
            &Call {
                service: "lambda",
                action: "Invoke",
                target: parts.uri.path(),
                status: response.status().as_u16(),
                duration: started.elapsed(),
                request: Bytes::new(),
                response: Bytes::new(),
                detail: parts
                    .headers
                    .get(INVOCATION_TYPE)
                    .and_then(|kind| kind.to_str().ok())
                    .map(str::to_owned),
            },
        );
        let id = HeaderValue::from_str(&request_id).expect("hex digits and dashes");
        response.headers_mut().insert(REQUEST_ID, id);
        response
    }
}

impl Lambda {
    async fn answer(
        &self,
        parts: &request::Parts,
        body: Incoming,
        request_id: &str,
    ) -> Result<Response<Full<Bytes>>, Exception> {
        let name = parts
            .uri
            .path()
            .strip_prefix("/2015-03-31/functions/")
            .and_then(|rest| rest.strip_suffix("/invocations"))
            .filter(|_| parts.method == Method::POST)
            .ok_or(Exception::UnknownOperation)?;
        // Read before any response, because a client that cannot finish its request does not read the response.
        let body = Body::read(body, REQUEST_LIMIT, BODY_TIMEOUT).await;
        let function = self.function(name, parts.uri.query())?;
        let kind = kind(parts)?;
        let body = body.ok_or(Exception::BrokeOff)?;
        let limit = match kind {
            Kind::Event => EVENT_LIMIT,
            Kind::RequestResponse | Kind::DryRun => REQUEST_LIMIT,
        };
        if body.size > limit {
            return Err(Exception::TooLarge(limit));
        }
        let event = match body.bytes.is_empty() {
            true => Bytes::from_static(b"{}"),
            false => body.bytes,
        };
        serde_json::from_slice::<IgnoredAny>(&event)
            .map_err(|error| Exception::NoJson(error.to_string()))?;
        match kind {
            Kind::DryRun => Ok(empty(StatusCode::NO_CONTENT)),
            Kind::Event => {
                let trace = CallerTrace::of_request(&parts.headers);
                let queue = &self.shared.queue;
                match queue.accept(function, event, request_id.to_owned(), trace) {
                    true => Ok(empty(StatusCode::ACCEPTED)),
                    false => Err(Exception::Throttled),
                }
            }
            Kind::RequestResponse => match CallerTrace::of_request(&parts.headers)
                .scope(async { function.target.invoke(event, request_id).await })
                .await
            {
                Ok(response) => Ok(answered(response)),
                Err(error) if report::is_the_functions(&error) => {
                    let mut response = answered(report::body(&error, request_id));
                    response
                        .headers_mut()
                        .insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
                    Ok(response)
                }
                Err(InvokeError::Throttled) => Err(Exception::Throttled),
                Err(InvokeError::Pending) => Err(Exception::Pending),
                Err(error) => Err(Exception::Service(error.to_string())),
            },
        }
    }

    /// Returns the function that a request names.
    fn function(&self, path: &str, query: Option<&str>) -> Result<&Invocable, Exception> {
        const NO_NAME: Exception = Exception::InvalidParameter(
            "The function name must be a name, a partial ARN or an ARN",
        );
        let text = percent_decode_str(path)
            .decode_utf8()
            .map_err(|_| NO_NAME)?;
        let name = Name::read(&text).ok_or(NO_NAME)?;
        let requested = query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .find_map(|pair| pair.strip_prefix("Qualifier="))
            .map(|value| percent_decode_str(value).decode_utf8_lossy());
        let qualifier = match (name.qualifier, requested.as_deref()) {
            (Some(one), Some(other)) if one != other => {
                return Err(Exception::InvalidParameter(
                    "The derived qualifier from the function name does not match the specified qualifier.",
                ));
            }
            (one, other) => one.or(other),
        };
        let functions = &self.shared.functions;
        let ours = functions
            .get(name.function)
            .filter(|_| qualifier.is_none_or(|qualifier| qualifier == LATEST));
        let remote = || {
            let mut all = functions.values();
            all.find(|one| one.remote_name.as_deref() == Some(name.function))
        };
        ours.or_else(remote).ok_or_else(|| {
            let region = &self.shared.region;
            let mut arn = format!(
                "arn:aws:lambda:{region}:{ACCOUNT}:function:{}",
                name.function
            );
            if let Some(qualifier) = qualifier {
                arn = format!("{arn}:{qualifier}");
            }
            Exception::NotFound(arn)
        })
    }
}

fn kind(parts: &request::Parts) -> Result<Kind, Exception> {
    match parts
        .headers
        .get(INVOCATION_TYPE)
        .map(HeaderValue::as_bytes)
    {
        None | Some(b"RequestResponse") => Ok(Kind::RequestResponse),
        Some(b"Event") => Ok(Kind::Event),
        Some(b"DryRun") => Ok(Kind::DryRun),
        Some(_) => Err(Exception::InvalidParameter(
            "InvocationType must be RequestResponse, Event or DryRun",
        )),
    }
}

fn answered(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = json(StatusCode::OK, body);
    let headers = response.headers_mut();
    headers.insert(EXECUTED_VERSION, HeaderValue::from_static(LATEST));
    response
}
