//! Lambda authorizers.

use crate::error_text::error_text;
use crate::gateway::api::Authorizer;
use crate::gateway::events::ConnectAttempt;
use crate::gateway::integration::{Failure, IntegrationError, respond};
use crate::gateway::state::GatewayState;
use lambda_ws_protocol::authorizer::{
    AuthorizerResponse, IdentitySource, MalformedPolicy, PolicyContext,
};
use serde_json::value::RawValue;

/// Invokes an authorizer for a client (conformance B9, B10, C4).
pub(super) async fn invoke(
    authorizer: &Authorizer,
    attempt: &ConnectAttempt<'_>,
) -> Result<AuthorizerDecision, Unauthorized> {
    let method_arn = method_arn(attempt.state);
    let event = attempt.authorizer_event(&method_arn, &authorizer.identity_sources);
    let event = event.map_err(|source| Unauthorized::NoIdentity(source.clone()))?;
    let invocation = authorizer.integration.invoke(event, attempt.request_id);
    let json = respond(invocation, authorizer.timeout, ()).await?;
    let response = AuthorizerResponse::read(&json)?;
    let context = PolicyContext {
        source_ip: &attempt.connection.source_ip,
        user_agent: attempt.connection.user_agent.as_deref(),
        referer: attempt.handshake.headers.value("referer"),
        now: attempt.now,
    };
    if !response.allows(&method_arn, &context) {
        return Err(Unauthorized::Denied(method_arn));
    }
    Ok(AuthorizerDecision {
        // Text keys and values are always valid JSON.
        context: serde_json::value::to_raw_value(response.context()).ok(),
        usage_identifier_key: response.usage_identifier_key().map(str::to_owned),
    })
}

/// Returns the ARN of the requested method (conformance C4).
fn method_arn(state: &GatewayState) -> String {
    format!(
        "arn:aws:execute-api:{}:{}:{}/{}/$connect",
        state.options.region, state.options.account_id, state.api_id, state.stage
    )
}

/// The response of an authorizer that allows a client.
#[derive(Debug, Default)]
pub(crate) struct AuthorizerDecision {
    /// `requestContext.authorizer` of the connection's events.
    pub(crate) context: Option<Box<RawValue>>,
    pub(crate) usage_identifier_key: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Unauthorized {
    #[error("{0} is missing or empty: the authorizer is not invoked")]
    NoIdentity(IdentitySource),
    #[error("the authorizer's policy does not allow {0}")]
    Denied(String),
    #[error("{}", error_text(.0))]
    Failed(#[from] Failure),
    #[error("{}", error_text(.0))]
    Malformed(#[from] MalformedPolicy),
}

impl Unauthorized {
    /// Returns the status for the client (conformance B9). Assumed: a timeout is a failure like others.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::NoIdentity(_) => 401,
            Self::Denied(_) => 403,
            Self::Failed(Failure::Integration(IntegrationError::Handler { message, .. }))
                if message == "Unauthorized" =>
            {
                401
            }
            Self::Failed(_) | Self::Malformed(_) => 500,
        }
    }
}
