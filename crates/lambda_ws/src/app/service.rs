//! An application as a tower service, for the runtime of others.

use super::dispatch::{Dispatcher, InvocationContext, OpenedConnections};
use super::failure::Failure;
use super::lambda_response::LambdaResponse;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lambda_runtime::{Diagnostic, LambdaEvent, SnapStartResource};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// An application as a tower service: for [`lambda_runtime::run`], or for a [`lambda_runtime::Runtime`] with layers.
///
/// [`App::into_service`](crate::App::into_service) returns one. Clones share the application, and may handle events at
/// the same time. The event stays JSON text until the application parses it once. The deadline, the request id and the
/// trace id come from the event's [`Context`](lambda_runtime::Context).
#[derive(Clone)]
pub struct AppService {
    dispatcher: Arc<Dispatcher>,
    /// The last event of this clone. When the next one arrives its response has left.
    last: Option<Arc<Exchange>>,
    /// Whether it opens connections to AWS after a restore.
    warms_up: bool,
}

/// An event whose response has not left yet.
struct Exchange {
    dispatcher: Arc<Dispatcher>,
    opened: OpenedConnections,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.dispatcher.release(&self.opened);
    }
}

impl AppService {
    pub(super) fn new(dispatcher: Arc<Dispatcher>, warms_up: bool) -> Self {
        Self {
            dispatcher,
            last: None,
            warms_up,
        }
    }
}

/// Opens new connections after Lambda has restored the process from a snapshot. Seeds random numbers anew.
impl SnapStartResource for AppService {
    fn after_restore(&self) -> lambda_runtime::BoxFuture<'_, Result<(), lambda_runtime::Error>> {
        Box::pin(async {
            self.dispatcher.restored(self.warms_up).await;
            Ok(())
        })
    }
}

impl Service<LambdaEvent<Box<RawValue>>> for AppService {
    type Response = AppResponse;
    type Error = InvocationError;
    type Future = BoxFuture<'static, Result<AppResponse, InvocationError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), InvocationError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<Box<RawValue>>) -> Self::Future {
        let exchange = Arc::new(Exchange {
            dispatcher: self.dispatcher.clone(),
            opened: OpenedConnections::default(),
        });
        self.last = Some(exchange.clone());
        let LambdaEvent { payload, context } = event;
        async move {
            let invocation = InvocationContext::of(
                context.deadline,
                Some(&context.request_id),
                context.xray_trace_id.as_deref(),
            );
            let Exchange { dispatcher, opened } = &*exchange;
            let response = dispatcher.serve(payload.get(), invocation, opened).await;
            response.map(AppResponse).map_err(InvocationError)
        }
        .boxed()
    }
}

impl fmt::Debug for AppService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppService").finish_non_exhaustive()
    }
}

/// The response to an event, as Lambda returns it to the caller of the function. It serializes to JSON.
#[derive(Debug)]
pub struct AppResponse(LambdaResponse);

impl Serialize for AppResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The reason why an invocation failed. Lambda reports its type and its text to the caller of the function.
///
/// Errors of handlers are responses. An invocation fails if the event is unknown, and for a failed authorizer,
/// publication or task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvocationError(Failure);

impl InvocationError {
    /// The name of the error's type, such as `UnknownEvent`.
    pub fn error_type(&self) -> &str {
        self.0.error_type
    }
}

impl fmt::Display for InvocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for InvocationError {}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        error.0.into()
    }
}

#[cfg(test)]
mod tests;
