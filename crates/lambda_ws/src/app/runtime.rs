//! The loop that takes events from Lambda's Runtime API and returns their results.
//!
//! `lambda_runtime::run` sets the environment variable `_X_AMZN_TRACE_ID` for every event, and glibc never frees an
//! old value of a variable. Each event leaks about 155 bytes, until Lambda ends the function for lack of memory. Its
//! loop without the variable needs `AWS_LAMBDA_MAX_CONCURRENCY`, and its layers are private. So this loop uses only
//! its HTTP client and its error report.
//!
//! With `AWS_LAMBDA_MAX_CONCURRENCY` (Lambda Managed Instances) several workers of one process share a dispatcher. Each
//! fetches an event, handles it and returns its result.

use super::dispatch::{Dispatcher, InvocationContext, OpenedConnections};
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
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::error;

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const INVOCATION: &str = "/2018-06-01/runtime/invocation";
const RESTORE: &str = "/2018-06-01/runtime/restore/next";

const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
/// The id of a delivery. Lambda uses it to reject the result of an invocation that has timed out.
const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");

/// The value of [`ERROR_TYPE`] for an error that the program itself reports.
const UNHANDLED: HeaderValue = HeaderValue::from_static("unhandled");

/// The loop that takes events from Lambda's Runtime API and returns their results.
pub(super) struct Runtime {
    endpoint: Uri,
    client: PooledClient,
    /// The number of events that are handled at once.
    workers: usize,
}

struct Invocation {
    headers: HeaderMap,
    event: Bytes,
}

impl Runtime {
    /// A loop for the Runtime API at `address`, the value of `AWS_LAMBDA_RUNTIME_API`, with so many workers.
    ///
    /// # Errors
    ///
    /// If `address` is not a host with a port.
    pub(super) fn new(address: &str, workers: usize) -> Result<Self, Error> {
        let endpoint: Option<Uri> = address.parse().ok();
        let endpoint = endpoint.filter(|endpoint| endpoint.authority().is_some());
        let Some(endpoint) = endpoint else {
            return Err(format!(
                "AWS_LAMBDA_RUNTIME_API is `{address}`: expected a host and a port, such as 127.0.0.1:9001"
            )
            .into());
        };
        Ok(Self {
            client: client(&endpoint, workers),
            endpoint,
            workers,
        })
    }

    /// A client for requests that may wait for hours, beside those of the workers.
    pub(super) fn another_client(&self) -> PooledClient {
        client(&self.endpoint, 1)
    }

    /// Handles events, until the Runtime API does not answer. Events that run then are handled to their ends.
    ///
    /// # Errors
    ///
    /// Why the Runtime API does not answer.
    pub(super) async fn run(self, dispatcher: Arc<Dispatcher>) -> Result<(), BoxError> {
        let (stop, stopped) = watch::channel(false);
        if self.workers == 1 {
            return self.work(&dispatcher, stopped).await;
        }
        let this = Arc::new(self);
        let mut workers = JoinSet::new();
        for _ in 0..this.workers {
            let (this, dispatcher, stopped) = (this.clone(), dispatcher.clone(), stopped.clone());
            workers.spawn(async move { this.work(&dispatcher, stopped).await });
        }
        let mut outcome = Ok(());
        while let Some(ended) = workers.join_next().await {
            // Lambda would send fewer events than it counts on, so the process ends and is replaced.
            stop.send_replace(true);
            outcome = outcome.and(ended.unwrap_or_else(|panic| Err(panic.into())));
        }
        outcome
    }

    /// Handles events one after the other, until the Runtime API does not answer or another worker has ended.
    async fn work(
        &self,
        dispatcher: &Dispatcher,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), BoxError> {
        loop {
            let invocation = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
                next = self.next() => next?,
            };
            let Some(invocation) = invocation else {
                continue;
            };
            let opened = OpenedConnections::default();
            let result = invocation.handle(dispatcher, &opened).await;
            let reported = self.report(&invocation, result).await;
            dispatcher.release(&opened);
            reported?;
        }
    }

    /// Waits until Lambda has restored the program from a snapshot (SnapStart).
    pub(super) async fn restored(&self) -> Result<(), BoxError> {
        let request = build_request().method(Method::GET).uri(RESTORE);
        let response = self.client.call(request.body(Body::empty())?).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("the Runtime API answers {RESTORE} with {status}").into());
        }
        // The pooled connections belong to the process that Lambda took the snapshot of.
        self.client.reset_pool();
        Ok(())
    }

    /// Returns the next event, or `None` if the wait ended without one.
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
            // `cargo lambda watch` ends a wait with 204.
            StatusCode::NO_CONTENT => Ok(None),
            status => {
                let text = String::from_utf8_lossy(&event);
                Err(format!("the Runtime API answers {NEXT} with {status}: {text}").into())
            }
        }
    }

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
        // Else the client could not use the connection again.
        let text = answer.into_body().collect().await?.to_bytes();
        if status.is_success() {
            return Ok(());
        }
        // The invocation timed out (410), or its response is too large (413): the next one may succeed.
        let text = String::from_utf8_lossy(&text);
        error!(%status, answer = &*text, "the Runtime API rejects the result of an invocation");
        Ok(())
    }
}

/// Returns a client that keeps so many connections.
fn client(endpoint: &Uri, connections: usize) -> PooledClient {
    let client = PooledClient::builder().with_endpoint(endpoint.clone());
    client.with_pool_size(connections).build()
}

impl Invocation {
    /// Calls the dispatcher, and reports why it failed, or panicked.
    async fn handle(
        &self,
        dispatcher: &Dispatcher,
        opened: &OpenedConnections,
    ) -> Result<Vec<u8>, Failure> {
        let called = async {
            let event = std::str::from_utf8(&self.event);
            let event = event.map_err(|error| BoxError::from(UnknownEvent::because(error)))?;
            let context = self.context().with_event(&self.event);
            let reply = dispatcher.serve(event, context, opened).await?;
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

    fn text(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[cfg(test)]
mod tests;
