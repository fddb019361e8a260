//! DynamoDB's JSON protocol over HTTP.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::{DynamoDb, operation};
use crate::body::Body;
use crate::guard::Guard;
use crate::listener::Handler;

/// The largest request in bytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// The letters of AWS's request ids for DynamoDB.
const LETTERS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

#[derive(Clone)]
pub(super) struct HttpApi {
    dynamodb: DynamoDb,
    guard: Guard,
}

impl HttpApi {
    pub(super) fn new(dynamodb: DynamoDb, guard: Guard) -> HttpApi {
        HttpApi { dynamodb, guard }
    }
}

impl Handler for HttpApi {
    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        if let Err(refusal) = self.guard.check(&parts.headers) {
            return refusal.response();
        }
        if parts.uri.path() != "/" {
            return plain(StatusCode::NOT_FOUND);
        }
        if parts.method != Method::POST {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        let Some(Body { bytes, size, .. }) = Body::read(body, BODY_LIMIT).await else {
            return plain(StatusCode::BAD_REQUEST);
        };
        if size > BODY_LIMIT {
            return plain(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let target = parts
            .headers
            .get(TARGET)
            .and_then(|target| target.to_str().ok())
            .unwrap_or_default();
        let operation = target
            .strip_prefix("DynamoDB_20120810.")
            .or_else(|| target.strip_prefix("DynamoDBStreams_20120810."));
        let (status, answer) = match operation {
            Some(operation) => self.dynamodb.call(operation, bytes).await,
            None => operation::unknown(),
        };
        let mut response = Response::new(Full::new(answer));
        *response.status_mut() = status;
        // No x-amz-crc32: SDKs check it only where it is given, and loopback corrupts nothing.
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        response.headers_mut().insert(REQUEST_ID, request_id());
        response
    }
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

fn request_id() -> HeaderValue {
    let id: [u8; 52] = std::array::from_fn(|_| LETTERS[fastrand::usize(..LETTERS.len())]);
    HeaderValue::from_bytes(&id).expect("letters and digits")
}
