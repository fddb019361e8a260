//! The integration of a route.

use crate::faults::Kind;
use bytes::Bytes;
use lambda_ws_protocol::response::{ErrorFrame, MalformedResponse, ProxyResponse};
use std::pin::Pin;
use std::time::Duration;

/// The integration of a route: the processes of a function, or a test's script.
pub trait Integration: Send + Sync {
    /// Begins an invocation with `event`, the JSON of a proxy request, and returns the future response.
    ///
    /// The invocation runs to its end even if the gateway has stopped waiting for it (conformance E5). It must end at
    /// some time, so a function has its own timeout.
    fn invoke(&self, event: Bytes, request_id: &str) -> Invocation;
}

/// A running invocation.
pub type Invocation = Pin<Box<dyn Future<Output = Result<Bytes, IntegrationError>> + Send>>;

/// Why an invocation has no response. The client gets the same error in all cases (conformance B4, E3, E6, E7).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntegrationError {
    /// The function crashed, timed out, or its response is not valid.
    #[error("the function failed: {0}")]
    Function(String),
    /// The function returned an error.
    #[error("the function failed: {error_type}: {message}")]
    Handler {
        /// `errorType` of its report.
        error_type: String,
        /// `errorMessage` of its report. An authorizer's `Unauthorized` is special (conformance B9).
        message: String,
    },
    /// No process was free for the event.
    #[error("the function is throttled")]
    Throttled,
    /// The integration is not supported (conformance E9). The text is its kind.
    #[error("this route has {0}, which is not supported here")]
    Unsupported(String),
    /// The function could not be started or reached.
    #[error("the function is unavailable: {0}")]
    Unavailable(String),
}

/// Why a route has no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Integration(#[from] IntegrationError),
    #[error(transparent)]
    Malformed(#[from] MalformedResponse),
    #[error("the integration exceeded its timeout")]
    TimedOut,
    #[error("not invoked: the fault {} is on", .0.name())]
    OnPurpose(Kind),
}

impl Failure {
    pub(super) fn frame(&self) -> ErrorFrame {
        match self {
            Self::Integration(_) | Self::Malformed(_) | Self::OnPurpose(_) => {
                ErrorFrame::InternalServerError
            }
            Self::TimedOut => ErrorFrame::EndpointRequestTimedOut,
        }
    }
}

/// Waits up to `timeout` for the response of an invocation. After that the invocation continues and keeps `held`, and
/// its late response is dropped (conformance E5).
pub(super) async fn answer(
    invocation: Invocation,
    timeout: Duration,
    held: impl Send + 'static,
) -> Result<ProxyResponse, Failure> {
    Ok(ProxyResponse::read(
        &respond(invocation, timeout, held).await?,
    )?)
}

/// Like [`answer`], but returns any response.
pub(super) async fn respond(
    mut invocation: Invocation,
    timeout: Duration,
    held: impl Send + 'static,
) -> Result<Bytes, Failure> {
    match tokio::time::timeout(timeout, &mut invocation).await {
        Ok(response) => Ok(response?),
        Err(_) => {
            tokio::spawn(async move {
                let _held = held;
                let _late = invocation.await;
            });
            Err(Failure::TimedOut)
        }
    }
}
