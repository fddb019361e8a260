//! The loop that takes events from Lambda's Runtime API and returns their results.
//!
//! `lambda_runtime::run` sets the environment variable `_X_AMZN_TRACE_ID` for every event, and glibc never frees an
//! old value of a variable. Each event leaks about 155 bytes, until Lambda ends the function for lack of memory. Its
//! loop without the variable needs `AWS_LAMBDA_MAX_CONCURRENCY`, and its layers are private. So this loop uses only
//! its error report. It shares the code of its HTTP client with the AWS SDK: a second one would make the program 0.1 MB
//! larger.
//!
//! With `AWS_LAMBDA_MAX_CONCURRENCY` (Lambda Managed Instances) several workers of one process share a dispatcher. Each
//! fetches an event, handles it and returns its result.

use super::dispatch::{Dispatcher, InvocationContext, OpenedConnections};
use super::error::UnknownEvent;
use super::failure::Failure;
use crate::error::{BoxError, Error};
use crate::https::{self, Https};
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::USER_AGENT;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use lambda_runtime::Diagnostic;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::error;

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const INVOCATION: &str = "/2018-06-01/runtime/invocation";
const RESTORE: &str = "/2018-06-01/runtime/restore/next";

/// AWS counts the runtimes by their names.
const AGENT: HeaderValue = HeaderValue::from_static(concat!(
    "aws-lambda-rust/lambda_ws-",
    env!("CARGO_PKG_VERSION")
));

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
    client: RuntimeClient,
    /// The number of events that are handled at once.
    workers: usize,
}

/// A client of the Runtime API.
#[derive(Debug, Clone)]
pub(super) struct RuntimeClient {
    https: Https,
    authority: Authority,
    /// The path of the Runtime API, which is empty on Lambda. `cargo lambda watch` has one for each function.
    base: String,
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
        let endpoint = endpoint.and_then(|endpoint| {
            let base = endpoint.path().trim_end_matches('/').to_owned();
            Some((endpoint.into_parts().authority?, base))
        });
        let Some((authority, base)) = endpoint else {
            return Err(format!(
                "AWS_LAMBDA_RUNTIME_API is `{address}`: expected a host and a port, such as 127.0.0.1:9001"
            )
            .into());
        };
        let https = https::plain();
        Ok(Self {
            client: RuntimeClient {
                https,
                authority,
                base,
            },
            workers,
        })
    }

    pub(super) fn client(&self) -> &RuntimeClient {
        &self.client
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
        let response = self.client.get(RESTORE, HeaderMap::new()).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("the Runtime API answers {RESTORE} with {status}").into());
        }
        Ok(())
    }

    /// Returns the next event, or `None` if the wait ended without one.
    async fn next(&self) -> Result<Option<Invocation>, BoxError> {
        let response = self.client.get(NEXT, HeaderMap::new()).await?;
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
        let mut headers = HeaderMap::new();
        if let Some(id) = invocation.headers.get(INVOCATION_ID) {
            headers.insert(INVOCATION_ID, id.clone());
        }
        let (what, body) = match result {
            Ok(response) => ("response", response),
            Err(failure) => {
                headers.insert(ERROR_TYPE, UNHANDLED);
                ("error", serde_json::to_vec(&Diagnostic::from(failure))?)
            }
        };
        let path = format!("{INVOCATION}/{id}/{what}");
        let answer = self.client.post(&path, headers, body).await?;
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

impl RuntimeClient {
    pub(super) async fn get(
        &self,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, BoxError> {
        self.request(Method::GET, path, headers, Bytes::new()).await
    }

    pub(super) async fn post(
        &self,
        path: &str,
        headers: HeaderMap,
        body: impl Into<Bytes>,
    ) -> Result<Response<Incoming>, BoxError> {
        self.request(Method::POST, path, headers, body.into()).await
    }

    fn uri(&self, path: &str) -> Result<Uri, http::Error> {
        let path = match self.base.is_empty() {
            true => PathAndQuery::try_from(path)?,
            false => PathAndQuery::try_from(format!("{}{path}", self.base))?,
        };
        let uri = Uri::builder().scheme(Scheme::HTTP);
        let uri = uri.authority(self.authority.clone());
        uri.path_and_query(path).build()
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, BoxError> {
        let uri = self.uri(path)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request.headers_mut().insert(USER_AGENT, AGENT);
        Ok(self.https.request(request).await?)
    }
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
