//! Who may connect, and who may call the management API.

mod authorizer;

pub use authorizer::Authorizer;

use super::api_key::{ApiKey, ApiKeyError};
use super::connection::Connection;
use super::http::Handshake;
use super::http::HttpError;
use super::http::Upgrade;
use super::http::split;
use super::state::GatewayState;
use crate::activity::{Operation, OperationKind, Outcome};
use authorizer::{AuthorizerDecision, Unauthorized};
use http::Method;
use lambda_ws_protocol::Timestamp;
use lambda_ws_protocol::event::Identity;
use lambda_ws_protocol::sigv4::{Request, SignatureError, Signer};
use std::fmt;
use tokio::time::Instant;

/// The name that signatures are for, of the management API and of handshakes.
const SERVICE: &str = "execute-api";
/// The user that signs, as IAM would name it, and its principal id. Assumed: a function signs with a role on AWS, which
/// the gateway does not know.
const USER: &str = "local";
const USER_ID: &str = "AIDA000000000000LOCAL";

/// Who may connect: the authorization type of `$connect`, the only route that has one (conformance B9).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Authorization {
    /// Everyone: `NONE`.
    #[default]
    None,
    /// `AWS_IAM`: who has signed the handshake, in its headers or its query string, with
    /// [`Options::credentials`](super::Options::credentials). Without these, handshakes are taken unverified.
    Iam,
    /// Whom a Lambda authorizer allows: `CUSTOM`.
    Lambda(Authorizer),
}

/// What is known of a client that may connect.
#[derive(Debug, Default)]
pub(super) struct Authorized<'a> {
    /// The decision of the authorizer.
    pub(super) decision: AuthorizerDecision,
    /// The key it came with, where one is needed.
    pub(super) api_key: Option<&'a ApiKey>,
    /// Who signed the handshake, where that is needed.
    pub(super) caller: Option<Caller>,
}

/// Who signed a handshake.
#[derive(Debug)]
pub(super) struct Caller {
    access_key_id: String,
    account_id: String,
    user_arn: String,
}

impl Caller {
    /// Adds itself to the identity of the CONNECT event. Assumed: the members are those of REST APIs, and later events do
    /// not have them.
    pub(super) fn identify<'a>(&'a self, identity: &mut Identity<'a>) {
        identity.access_key = Some(&self.access_key_id);
        identity.account_id = Some(&self.account_id);
        identity.caller = Some(USER_ID);
        identity.user = Some(USER_ID);
        identity.user_arn = Some(&self.user_arn);
    }
}

/// Why a client may not connect.
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

/// Decides whether a client may connect, before its `$connect` is invoked, and only then (conformance
/// B3): messages and `$disconnect` are not asked about.
///
/// The authorizer comes before the API key, which it may be the one to name. Assumed: which of the two
/// a client without both is told about.
pub(super) async fn check<'a>(
    state: &'a GatewayState,
    connection: &Connection,
    handshake: &Handshake,
    signed: Result<Option<Caller>, SignatureError>,
    request_id: &str,
    now: Timestamp,
) -> Result<Authorized<'a>, HttpError> {
    let keys = state.api_keys();
    if keys.is_none() && matches!(state.authorization, Authorization::None) {
        return Ok(Authorized::default());
    }
    let started = Instant::now();
    let decide = async {
        let caller = signed?;
        let decision = match &state.authorization {
            Authorization::None | Authorization::Iam => AuthorizerDecision::default(),
            Authorization::Lambda(authorizer) => {
                authorizer
                    .ask(state, connection, handshake, request_id, now)
                    .await?
            }
        };
        let usage_key = decision.usage_identifier_key.as_deref();
        let api_key = keys.map(|keys| keys.find(&handshake.headers, usage_key));
        let api_key = api_key.transpose()?;
        Ok(Authorized {
            decision,
            api_key,
            caller,
        })
    };
    let decided = decide.await;
    let error: Option<&AuthError> = decided.as_ref().err();
    state.observe(Operation {
        kind: OperationKind::Authorize,
        route: "$connect",
        connection_id: connection.id.as_str(),
        request_id,
        outcome: error.map_or(Outcome::Done, |error| Outcome::Status(error.status())),
        detail: error.map(|error| error as &dyn fmt::Display),
        duration: started.elapsed(),
    });
    decided.map_err(|error| match error {
        AuthError::Unsigned(error) => HttpError::unsigned(&error),
        error => HttpError::by_connect(error.status(), connection.id.as_str(), request_id),
    })
}

/// Who signed a handshake, of an API that demands it (conformance B9): before the proxy's headers take
/// the place of the client's.
pub(super) fn caller(
    state: &GatewayState,
    request: &Upgrade,
    now: Timestamp,
) -> Result<Option<Caller>, SignatureError> {
    match state.authorization {
        Authorization::Iam => iam(state, request, now),
        Authorization::None | Authorization::Lambda(_) => Ok(None),
    }
}

fn iam(
    state: &GatewayState,
    request: &Upgrade,
    now: Timestamp,
) -> Result<Option<Caller>, SignatureError> {
    let Some(signer) = signer(state) else {
        return Ok(None);
    };
    // A proper handshake has a path.
    let (path, query) = split(&request.target).unwrap_or_default();
    let headers = request.headers.iter();
    let request = Request {
        method: "GET",
        path,
        query: query.unwrap_or_default(),
        headers: headers
            .map(|(name, value)| (name, value.as_bytes()))
            .collect(),
        body: b"",
    };
    signer.verify(&request, now)?;
    Ok(Some(Caller {
        access_key_id: signer.credentials.access_key_id.clone(),
        account_id: state.options.account_id.clone(),
        user_arn: user_arn(state),
    }))
}

/// Checks the signature of a call of the management API (conformance G3), if signatures are verified.
/// An environment of the gateway's own functions has a session token besides.
pub(super) fn signed<'a>(
    state: &GatewayState,
    token: Option<&str>,
    request: impl FnOnce() -> Request<'a>,
) -> Result<(), SignatureError> {
    let Some(signer) = signer(state) else {
        return Ok(());
    };
    match token.filter(|token| state.options.session_tokens.session(token).is_some()) {
        None => signer.verify(&request(), state.now()),
        Some(token) => {
            let mut credentials = signer.credentials.clone();
            credentials.session_token = Some(token.to_owned());
            let signer = Signer {
                credentials: &credentials,
                ..signer
            };
            signer.verify(&request(), state.now())
        }
    }
}

/// The answer to a call of the management API that is not permitted (conformance G3).
pub(super) fn denied(state: &GatewayState, method: &Method) -> Option<HttpError> {
    if !state.options.denied.contains(method) {
        return None;
    }
    let account = &state.options.account_id;
    // An account id has 12 digits, of which the last 4 are shown.
    let shown = account.char_indices().rev().nth(3).map_or(0, |(i, _)| i);
    let hidden = "*".repeat(account[..shown].chars().count());
    let resource = format!(
        "arn:aws:execute-api:{}:{hidden}{}:{}/{}/{method}/@connections/{{connectionId}}",
        state.options.region,
        &account[shown..],
        state.api_id,
        state.stage,
    );
    Some(HttpError::denied(&user_arn(state), &resource))
}

fn signer(state: &GatewayState) -> Option<Signer<'_>> {
    let credentials = state.options.credentials.as_ref()?;
    Some(Signer {
        credentials,
        region: &state.options.region,
        service: SERVICE,
    })
}

fn user_arn(state: &GatewayState) -> String {
    format!("arn:aws:iam::{}:user/{USER}", state.options.account_id)
}
