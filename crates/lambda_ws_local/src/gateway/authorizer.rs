//! Lambda authorizers.

use super::connection::Connection;
use super::handshake::Handshake;
use super::integration::{Failure, respond};
use super::shared::Shared;
use super::{Integration, IntegrationError, events};
use lambda_ws_protocol::authorizer::{
    AuthorizerResponse, IdentitySource, MalformedPolicy, PolicyContext,
};
use lambda_ws_protocol::{Timestamp, limits};
use serde_json::value::RawValue;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A Lambda authorizer of type `REQUEST`: it is asked once for each connection, before `$connect`, and
/// what it said is in every event of the connection (conformance B3, B9, C1). Nothing is cached.
#[derive(Clone)]
pub struct Authorizer {
    /// What is asked; it returns an IAM policy.
    pub integration: Arc<dyn Integration>,
    /// What a handshake must have: a client without one of them sees 401, and the authorizer is not
    /// asked (conformance B9).
    pub identity_sources: Vec<IdentitySource>,
    /// How long the gateway waits for it. Assumed to be that of integrations.
    pub timeout: Duration,
}

impl Authorizer {
    /// An authorizer without identity sources, which is always asked, and has 29 s.
    pub fn new(integration: Arc<dyn Integration>) -> Self {
        Self {
            integration,
            identity_sources: Vec::new(),
            timeout: limits::INTEGRATION_TIMEOUT,
        }
    }

    /// Asks about a client (conformance B9, B10, C4).
    pub(super) async fn ask(
        &self,
        shared: &Shared,
        connection: &Connection,
        handshake: &Handshake,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Said, Unauthorized> {
        let method_arn = method_arn(shared);
        let event = events::authorize(
            shared,
            connection,
            handshake,
            &method_arn,
            &self.identity_sources,
            request_id,
            now,
        );
        let event = event.map_err(|source| Unauthorized::NoIdentity(source.clone()))?;
        let invocation = self.integration.invoke(event, request_id);
        let json = respond(invocation, self.timeout, ()).await?;
        let response = AuthorizerResponse::read(&json)?;
        let context = PolicyContext {
            source_ip: &connection.source_ip,
            user_agent: connection.user_agent.as_deref(),
            referer: handshake.headers.value("referer"),
            now,
        };
        if !response.allows(&method_arn, &context) {
            return Err(Unauthorized::Denied(method_arn));
        }
        Ok(Said {
            // Text under text is always JSON.
            context: serde_json::value::to_raw_value(response.context()).ok(),
            usage_identifier_key: response.usage_identifier_key().map(str::to_owned),
        })
    }
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer")
            .field("identity_sources", &self.identity_sources)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The ARN of what a client asks for (conformance C4).
fn method_arn(shared: &Shared) -> String {
    format!(
        "arn:aws:execute-api:{}:{}:{}/{}/$connect",
        shared.options.region, shared.options.account_id, shared.api_id, shared.stage
    )
}

/// What an authorizer said of a client that may connect.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// `requestContext.authorizer` of the connection's events.
    pub(super) context: Option<Box<RawValue>>,
    /// The client's API key.
    pub(super) usage_identifier_key: Option<String>,
}

/// Why an authorizer lets a client not connect.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unauthorized {
    #[error("{0} is missing or empty: the authorizer is not asked")]
    NoIdentity(IdentitySource),
    #[error("the authorizer's policy does not allow {0}")]
    Denied(String),
    #[error("{}", told(.0))]
    Failed(#[from] Failure),
    #[error("{}", told(.0))]
    Malformed(#[from] MalformedPolicy),
}

impl Unauthorized {
    /// What the client sees (conformance B9). Assumed: a timeout is a failure like others.
    pub(super) fn status(&self) -> u16 {
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

/// An error and what caused it, in the one line that the observer has for it.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
