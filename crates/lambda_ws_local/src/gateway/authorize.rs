//! The authorization of clients that connect, and of calls of the management API.

mod authorizer;
mod signature;

pub(super) use signature::{Caller, denied, verify_call, verify_handshake};

use super::api::{ApiKey, ApiKeySource, ApiKeys, Authorization};
use super::events::ConnectAttempt;
use super::http::HttpError;
use crate::activity::{OperationKind, Outcome};
use authorizer::{AuthorizerDecision, Unauthorized};
use lambda_ws_protocol::event::Pairs;
use lambda_ws_protocol::sigv4::SignatureError;
use std::fmt;
use tokio::time::Instant;

/// The data of a client that is authorized to connect.
#[derive(Debug, Default)]
pub(super) struct Authorized {
    pub(super) decision: AuthorizerDecision,
    /// Its API key, if one is required.
    pub(super) api_key: Option<ApiKey>,
    /// The signer of the handshake, if a signature is required.
    pub(super) caller: Option<Caller>,
}

#[derive(Debug, thiserror::Error)]
enum AuthError {
    #[error(transparent)]
    Unsigned(#[from] SignatureError),
    #[error(transparent)]
    Unauthorized(#[from] Unauthorized),
    #[error(transparent)]
    ApiKeyError(#[from] ApiKeyError),
}

impl AuthError {
    fn status(&self) -> u16 {
        match self {
            Self::Unsigned(_) | Self::ApiKeyError(_) => 403,
            Self::Unauthorized(error) => error.status(),
        }
    }
}

/// Decides whether a client may connect, before `$connect` is invoked (conformance B3). Messages and `$disconnect` are
/// not authorized.
///
/// The authorizer comes before the API key, because it may return the key. Assumed: the error of a client that has
/// neither.
pub(super) async fn check(
    attempt: &ConnectAttempt<'_>,
    caller: Result<Option<Caller>, SignatureError>,
) -> Result<Authorized, HttpError> {
    let state = attempt.state;
    let keys = state.api_keys();
    if keys.is_none() && matches!(state.authorization, Authorization::None) {
        return Ok(Authorized::default());
    }
    let started = Instant::now();
    let decide = async {
        let caller = caller?;
        let decision = match &state.authorization {
            Authorization::None | Authorization::Iam => AuthorizerDecision::default(),
            Authorization::Lambda(authorizer) => authorizer::invoke(authorizer, attempt).await?,
        };
        let usage_key = decision.usage_identifier_key.as_deref();
        let api_key = keys.map(|keys| find_api_key(keys, &attempt.handshake.headers, usage_key));
        let api_key = api_key.transpose()?.cloned();
        Ok(Authorized {
            decision,
            api_key,
            caller,
        })
    };
    let decided = decide.await;
    let error: Option<&AuthError> = decided.as_ref().err();
    attempt.observe(
        OperationKind::Authorize,
        "$connect",
        error.map_or(Outcome::Done, |error| Outcome::Status(error.status())),
        error.map(|error| error as &dyn fmt::Display),
        started,
    );
    decided.map_err(|error| match error {
        AuthError::Unsigned(error) => HttpError::unsigned(&error),
        error => attempt.http_error(error.status()),
    })
}

/// Why a client has no valid key. It gets 403 (conformance B11).
#[derive(Debug, thiserror::Error)]
enum ApiKeyError {
    #[error("the handshake has no header x-api-key")]
    NoHeader,
    #[error("the authorizer returned no usageIdentifierKey")]
    NoUsageIdentifierKey,
    #[error("the API has no such key")]
    Unknown,
}

fn find_api_key<'k>(
    keys: &'k ApiKeys,
    headers: &Pairs,
    usage_key: Option<&str>,
) -> Result<&'k ApiKey, ApiKeyError> {
    let value = match keys.source {
        ApiKeySource::Header => headers.value("x-api-key").ok_or(ApiKeyError::NoHeader)?,
        ApiKeySource::Authorizer => usage_key.ok_or(ApiKeyError::NoUsageIdentifierKey)?,
    };
    let mut keys = keys.accepted.iter();
    keys.find(|key| key.value == value)
        .ok_or(ApiKeyError::Unknown)
}
