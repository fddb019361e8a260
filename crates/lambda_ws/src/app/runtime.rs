//! The loop that takes events from Lambda's Runtime API and returns their results.
//!
//! `lambda_runtime::run` sets the environment variable `_X_AMZN_TRACE_ID` for every event, and glibc never frees a
//! value that a variable has had. Each event leaks about 155 bytes, until Lambda ends the function for want of memory.
//! Its loop without the variable needs `AWS_LAMBDA_MAX_CONCURRENCY`, and its layers are private. So this loop uses only
//! its HTTP client and its error report.

use super::dispatch::{Dispatcher, InvocationContext};
use super::error::UnknownEvent;
use super::failure::Failure;
use crate::error::{BoxError, Error};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body_util::BodyExt;
use lambda_runtime::Diagnostic;
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{PooledClient, build_request};
use std::panic::AssertUnwindSafe;
use tracing::error;

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const INVOCATION: &str = "/2018-06-01/runtime/invocation";
const RESTORE: &str = "/2018-06-01/runtime/restore/next";

const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
/// Identifies a delivery. It is sent back, so that Lambda can reject the result of an invocation that has timed out.
const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");

/// The value of [`ERROR_TYPE`] for an error that the program itself reports.
const UNHANDLED: HeaderValue = HeaderValue::from_static("unhandled");

/// The loop that takes events from Lambda's Runtime API and returns their results.
pub(super) struct Runtime {
    client: PooledClient,
}

/// An event, and what the Runtime API says of it.
struct Invocation {
    headers: HeaderMap,
    event: Bytes,
}

impl Runtime {
    /// A loop for the Runtime API at `address`, the value of `AWS_LAMBDA_RUNTIME_API`.
    ///
    /// # Errors
    ///
    /// If `address` is not a host with a port.
    pub(super) fn new(address: &str) -> Result<Self, Error> {
        let endpoint: Option<Uri> = address.parse().ok();
        let endpoint = endpoint.filter(|endpoint| endpoint.authority().is_some());
        let Some(endpoint) = endpoint else {
            return Err(format!(
                "AWS_LAMBDA_RUNTIME_API is `{address}`: expected a host and a port, such as 127.0.0.1:9001"
            )
            .into());
        };
        let client = PooledClient::builder().with_endpoint(endpoint);
        Ok(Self {
            client: client.with_pool_size(1).build(),
        })
    }

    /// Handles events one after the other, until the Runtime API does not answer.
    ///
    /// # Errors
    ///
    /// Why the Runtime API does not answer.
    pub(super) async fn run(&self, dispatcher: Dispatcher) -> Result<(), BoxError> {
        loop {
            let Some(invocation) = self.next().await? else {
                continue;
            };
            let result = invocation.handle(&dispatcher).await;
            self.report(&invocation, result).await?;
        }
    }

    /// Waits until Lambda has restored the program from a snapshot (SnapStart).
    ///
    /// # Errors
    ///
    /// Why it was not restored.
    pub(super) async fn restored(&self) -> Result<(), BoxError> {
        let request = build_request().method(Method::GET).uri(RESTORE);
        let response = self.client.call(request.body(Body::empty())?).await?;
        if !response.status().is_success() {
            return Err(format!(
                "the Runtime API answers {RESTORE} with {}",
                response.status()
            )
            .into());
        }
        // The connections are those of the program that the snapshot was taken of.
        self.client.reset_pool();
        Ok(())
    }

    /// The next event; `None`, if none came for a while.
    async fn next(&self) -> Result<Option<Invocation>, BoxError> {
        let request = build_request().method(Method::GET).uri(NEXT);
        let response = self.client.call(request.body(Body::empty())?).await?;
        let (head, body) = response.into_parts();
        let event = body.collect().await?.to_bytes();
        match head.status {
            StatusCode::OK => Ok(Some(Invocation {
                headers: head.headers,
                event,
            })),
            // `cargo lambda watch` ends a wait with it.
            StatusCode::NO_CONTENT => Ok(None),
            status => {
                let text = String::from_utf8_lossy(&event);
                Err(format!("the Runtime API answers {NEXT} with {status}: {text}").into())
            }
        }
    }

    /// Returns the result of an invocation.
    async fn report(
        &self,
        invocation: &Invocation,
        result: Result<Vec<u8>, Failure>,
    ) -> Result<(), BoxError> {
        let id = invocation.text(&REQUEST_ID).unwrap_or_default();
        let mut request = build_request().method(Method::POST);
        if let Some(id) = invocation.headers.get(INVOCATION_ID) {
            request = request.header(INVOCATION_ID, id);
        }
        let request = match result {
            Ok(response) => request
                .uri(format!("{INVOCATION}/{id}/response"))
                .body(Body::from(response))?,
            Err(failure) => request
                .uri(format!("{INVOCATION}/{id}/error"))
                .header(ERROR_TYPE, UNHANDLED)
                .body(Body::from(serde_json::to_vec(&Diagnostic::from(failure))?))?,
        };
        let answer = self.client.call(request).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        // The invocation timed out (410), or its response is too large (413): the next one may succeed.
        let text = answer.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&text);
        error!(%status, answer = &*text, "the Runtime API rejects the result of an invocation");
        Ok(())
    }
}

impl Invocation {
    /// Calls the dispatcher, and reports why it failed, or panicked.
    async fn handle(&self, dispatcher: &Dispatcher) -> Result<Vec<u8>, Failure> {
        let called = async {
            let event = std::str::from_utf8(&self.event);
            let event = event.map_err(|error| BoxError::from(UnknownEvent::because(error)))?;
            let reply = dispatcher
                .call(event, self.context().with_event(&self.event))
                .await?;
            serde_json::to_vec(&reply).map_err(|error| Failure::from(BoxError::from(error)))
        };
        let result = match AssertUnwindSafe(called).catch_unwind().await {
            Ok(result) => result,
            Err(panic) => Err(Failure::panic(&*panic)),
        };
        if let Err(failure) = &result {
            let (kind, request_id) = (failure.error_type, self.text(&REQUEST_ID));
            error!(error = %failure, kind, requestId = request_id, "the invocation failed");
        }
        result
    }

    fn context(&self) -> InvocationContext<'_> {
        let deadline = self
            .text(&DEADLINE)
            .and_then(|deadline| deadline.parse().ok());
        InvocationContext::of(
            deadline.unwrap_or_default(),
            self.text(&REQUEST_ID),
            self.text(&TRACE_ID),
        )
    }

    /// A header, if it is text.
    fn text(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[cfg(test)]
mod tests;
