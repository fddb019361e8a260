//! DynamoDB's JSON protocol over HTTP.

use super::fault_injector::FaultInjector;
use super::{DynamoDb, operation};
use crate::activity::{Call, Observer as _, Observers};
use crate::body::Body;
use crate::faults::AnswerLost;
use crate::guard::Guard;
use crate::listener::Handler;
use crate::reply::empty;
use crate::session_tokens;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use std::time::{Duration, Instant};

/// The maximum size of a request, in bytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// How long a client may keep an idle connection, and take to send a body.
const KEEP_ALIVE: Duration = Duration::from_secs(90);
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// The characters of AWS's request ids for DynamoDB.
const LETTERS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

#[derive(Clone)]
pub(super) struct HttpApi {
    dynamodb: FaultInjector,
    observers: Observers,
    guard: Guard,
}

impl HttpApi {
    pub(super) fn new(dynamodb: DynamoDb, guard: Guard) -> HttpApi {
        let (faults, observers) = (dynamodb.faults.clone(), dynamodb.observers.clone());
        HttpApi {
            observers,
            dynamodb: FaultInjector::new(dynamodb, faults),
            guard,
        }
    }
}

impl Handler for HttpApi {
    const PATIENCE: Duration = KEEP_ALIVE;

    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        if let Err(error) = self.guard.check(&parts.headers) {
            return error.response();
        }
        if parts.uri.path() != "/" {
            return empty(StatusCode::NOT_FOUND);
        }
        if parts.method != Method::POST {
            let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        let Some(Body { bytes, size, .. }) = Body::read(body, BODY_LIMIT, BODY_TIMEOUT).await
        else {
            return empty(StatusCode::BAD_REQUEST);
        };
        if size > BODY_LIMIT {
            return empty(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let target = parts
            .headers
            .get(TARGET)
            .and_then(|target| target.to_str().ok())
            .unwrap_or_default();
        let operation = target
            .strip_prefix("DynamoDB_20120810.")
            .or_else(|| target.strip_prefix("DynamoDBStreams_20120810."));
        let (started, sent) = (Instant::now(), bytes.clone());
        let called = match operation {
            Some(operation) => self.dynamodb.call(operation, bytes).await,
            None => Ok(operation::unknown()),
        };
        let token = session_tokens::of_request(&parts.headers);
        self.observers.api_called(token, &{
            let (status, response) = called.clone().unwrap_or_default();
            Call {
                service: "dynamodb",
                action: operation.unwrap_or(target),
                target: "",
                status: status.as_u16(),
                duration: started.elapsed(),
                request: sent,
                response,
                detail: called
                    .is_err()
                    .then(|| "the response is lost by an injected fault".to_owned()),
            }
        });
        let (status, answer) = match called {
            Ok(answer) => answer,
            Err(lost) => return lose(lost),
        };
        let mut response = Response::new(Full::new(answer));
        *response.status_mut() = status;
        // No x-amz-crc32, because SDKs check it only if it is present.
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        response.headers_mut().insert(REQUEST_ID, request_id());
        response
    }
}

fn lose(lost: AnswerLost) -> Response<Full<Bytes>> {
    let mut response = empty(StatusCode::INTERNAL_SERVER_ERROR);
    response.extensions_mut().insert(lost);
    response
}

fn request_id() -> HeaderValue {
    let id: [u8; 52] = std::array::from_fn(|_| LETTERS[fastrand::usize(..LETTERS.len())]);
    HeaderValue::from_bytes(&id).expect("letters and digits")
}
