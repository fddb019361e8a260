//! Who may connect, and who may call the management API.

mod authorizer;

pub use authorizer::Authorizer;

use super::api_key::{ApiKey, NoApiKey};
use super::connection::Connection;
use super::http::Handshake;
use super::http::Refusal;
use super::http::Upgrade;
use super::http::split;
use super::state::Shared;
use crate::activity::{Operation, OperationKind, Outcome};
use authorizer::{Said, Unauthorized};
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
    /// What the authorizer said of it.
    pub(super) said: Said,
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
enum Refused {
    #[error(transparent)]
    Unsigned(#[from] SignatureError),
    #[error(transparent)]
    Unauthorized(#[from] Unauthorized),
    #[error(transparent)]
    NoApiKey(#[from] NoApiKey),
}

impl Refused {
    fn status(&self) -> u16 {
        match self {
            Self::Unsigned(_) | Self::NoApiKey(_) => 403,
            Self::Unauthorized(refused) => refused.status(),
        }
    }
}

/// Decides whether a client may connect, before its `$connect` is invoked, and only then (conformance
/// B3): messages and `$disconnect` are not asked about.
///
/// The authorizer comes before the API key, which it may be the one to name. Assumed: which of the two
/// a client without both is told about.
pub(super) async fn check<'a>(
    shared: &'a Shared,
    connection: &Connection,
    handshake: &Handshake,
    signed: Result<Option<Caller>, SignatureError>,
    request_id: &str,
    now: Timestamp,
) -> Result<Authorized<'a>, Refusal> {
    let keys = shared.api_keys();
    if keys.is_none() && matches!(shared.authorization, Authorization::None) {
        return Ok(Authorized::default());
    }
    let started = Instant::now();
    let decide = async {
        let caller = signed?;
        let said = match &shared.authorization {
            Authorization::None | Authorization::Iam => Said::default(),
            Authorization::Lambda(authorizer) => {
                authorizer
                    .ask(shared, connection, handshake, request_id, now)
                    .await?
            }
        };
        let usage_key = said.usage_identifier_key.as_deref();
        let api_key = keys.map(|keys| keys.find(&handshake.headers, usage_key));
        let api_key = api_key.transpose()?;
        Ok(Authorized {
            said,
            api_key,
            caller,
        })
    };
    let decided = decide.await;
    let refused: Option<&Refused> = decided.as_ref().err();
    shared.observe(Operation {
        kind: OperationKind::Authorize,
        route: "$connect",
        connection_id: connection.id.as_str(),
        request_id,
        outcome: refused.map_or(Outcome::Done, |refused| Outcome::Status(refused.status())),
        detail: refused.map(|refused| refused as &dyn fmt::Display),
        duration: started.elapsed(),
    });
    decided.map_err(|refused| match refused {
        Refused::Unsigned(error) => Refusal::unsigned(&error),
        refused => Refusal::by_connect(refused.status(), connection.id.as_str(), request_id),
    })
}

/// Who signed a handshake, of an API that demands it (conformance B9): before the proxy's headers take
/// the place of the client's.
pub(super) fn caller(
    shared: &Shared,
    request: &Upgrade,
    now: Timestamp,
) -> Result<Option<Caller>, SignatureError> {
    match shared.authorization {
        Authorization::Iam => iam(shared, request, now),
        Authorization::None | Authorization::Lambda(_) => Ok(None),
    }
}

fn iam(
    shared: &Shared,
    request: &Upgrade,
    now: Timestamp,
) -> Result<Option<Caller>, SignatureError> {
    let Some(signer) = signer(shared) else {
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
        account_id: shared.options.account_id.clone(),
        user_arn: user_arn(shared),
    }))
}

/// Checks the signature of a call of the management API (conformance G3), if signatures are verified.
/// An environment of the gateway's own functions has a session token besides.
pub(super) fn signed<'a>(
    shared: &Shared,
    token: Option<&str>,
    request: impl FnOnce() -> Request<'a>,
) -> Result<(), SignatureError> {
    let Some(signer) = signer(shared) else {
        return Ok(());
    };
    match token.filter(|token| shared.options.session_tokens.session(token).is_some()) {
        None => signer.verify(&request(), shared.now()),
        Some(token) => {
            let mut credentials = signer.credentials.clone();
            credentials.session_token = Some(token.to_owned());
            let signer = Signer {
                credentials: &credentials,
                ..signer
            };
            signer.verify(&request(), shared.now())
        }
    }
}

/// The answer to a call of the management API that is not permitted (conformance G3).
pub(super) fn denied(shared: &Shared, method: &Method) -> Option<Refusal> {
    if !shared.options.denied.contains(method) {
        return None;
    }
    let account = &shared.options.account_id;
    // An account id has 12 digits, of which the last 4 are shown.
    let shown = account.char_indices().rev().nth(3).map_or(0, |(i, _)| i);
    let hidden = "*".repeat(account[..shown].chars().count());
    let resource = format!(
        "arn:aws:execute-api:{}:{hidden}{}:{}/{}/{method}/@connections/{{connectionId}}",
        shared.options.region,
        &account[shown..],
        shared.api_id,
        shared.stage,
    );
    Some(Refusal::denied(&user_arn(shared), &resource))
}

fn signer(shared: &Shared) -> Option<Signer<'_>> {
    let credentials = shared.options.credentials.as_ref()?;
    Some(Signer {
        credentials,
        region: &shared.options.region,
        service: SERVICE,
    })
}

fn user_arn(shared: &Shared) -> String {
    format!("arn:aws:iam::{}:user/{USER}", shared.options.account_id)
}
