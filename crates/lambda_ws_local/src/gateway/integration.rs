//! What runs behind a route.

use crate::faults::Kind;
use bytes::Bytes;
use lambda_ws_protocol::response::{ErrorFrame, MalformedResponse, ProxyResponse};
use std::pin::Pin;
use std::time::Duration;

/// What runs behind a route: a pool of processes of one function, or a test's script.
pub trait Integration: Send + Sync {
    /// Begins one invocation with `event`, the JSON of a proxy request, and returns what waits for
    /// the function's response.
    ///
    /// The invocation is awaited to its end even when the gateway has given up on its answer
    /// (conformance E5), so it must end some time: a function has a timeout of its own.
    fn invoke(&self, event: Bytes, request_id: &str) -> Invocation;
}

/// One invocation under way.
pub type Invocation = Pin<Box<dyn Future<Output = Result<Bytes, IntegrationError>> + Send>>;

/// Why an invocation has no response. The client gets the same error in every case (conformance B4,
/// E3, E6, E7).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntegrationError {
    /// The function crashed, ran into its own timeout, or answered with something that is none.
    #[error("the function failed: {0}")]
    Function(String),
    /// The function answered with an error.
    #[error("the function failed: {error_type}: {message}")]
    Handler {
        /// `errorType` of what it reported.
        error_type: String,
        /// `errorMessage` of it. An authorizer's `Unauthorized` is distinguished (conformance B9).
        message: String,
    },
    /// No worker was free for the event.
    #[error("the function is throttled")]
    Throttled,
    /// The integration is not one that runs here (conformance E9); the text is why.
    #[error("this route has {0}, which is not run here")]
    Unsupported(String),
    /// The function could not be started or reached.
    #[error("the function is unavailable: {0}")]
    Unavailable(String),
}

/// Why a route has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Integration(#[from] IntegrationError),
    #[error(transparent)]
    Malformed(#[from] MalformedResponse),
    #[error("the integration took longer than its timeout")]
    TimedOut,
    #[error("not invoked: the fault {} is on", .0.name())]
    OnPurpose(Kind),
}

impl Failure {
    /// Returns the error frame for the client of a message.
    pub(super) fn frame(&self) -> ErrorFrame {
        match self {
            Self::Integration(_) | Self::Malformed(_) | Self::OnPurpose(_) => {
                ErrorFrame::InternalServerError
            }
            Self::TimedOut => ErrorFrame::EndpointRequestTimedOut,
        }
    }
}

/// Waits for the answer of an invocation, but no longer than `timeout`. After that the invocation
/// goes on by itself, keeping `held`, and its late answer is dropped (conformance E5).
pub(super) async fn answer(
    invocation: Invocation,
    timeout: Duration,
    held: impl Send + 'static,
) -> Result<ProxyResponse, Failure> {
    Ok(ProxyResponse::read(
        &respond(invocation, timeout, held).await?,
    )?)
}

/// As [`answer`], whatever the response is.
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
