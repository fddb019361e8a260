//! Signatures of handshakes, if the API requires them, and of calls of the management API.

use crate::gateway::api::Authorization;
use crate::gateway::http::{HttpError, Upgrade, split};
use crate::gateway::state::GatewayState;
use http::Method;
use lambda_ws_protocol::Timestamp;
use lambda_ws_protocol::event::Identity;
use lambda_ws_protocol::sigv4::{Request, SignatureError};

/// The IAM name and the principal id of the signer. Assumed: on AWS a function signs with a role, which the gateway
/// does not know.
const USER: &str = "local";
const USER_ID: &str = "AIDA000000000000LOCAL";

/// The signer of a handshake.
#[derive(Debug)]
pub(crate) struct Caller {
    access_key_id: String,
    account_id: String,
    user_arn: String,
}

impl Caller {
    /// Adds the signer to the identity of the CONNECT event. Assumed: the members are those of REST APIs, and later
    /// events do not have them.
    pub(crate) fn identify<'a>(&'a self, identity: &mut Identity<'a>) {
        identity.access_key = Some(&self.access_key_id);
        identity.account_id = Some(&self.account_id);
        identity.caller = Some(USER_ID);
        identity.user = Some(USER_ID);
        identity.user_arn = Some(&self.user_arn);
    }
}

/// Returns the signer of a handshake, if the API requires a signature (conformance B9). Must be called before the
/// proxy's headers replace the client's.
pub(crate) fn verify_handshake(
    state: &GatewayState,
    request: &Upgrade,
    now: Timestamp,
) -> Result<Option<Caller>, SignatureError> {
    let (Authorization::Iam, Some(verifier)) = (&state.authorization, &state.verifier) else {
        return Ok(None);
    };
    // A valid handshake has a path.
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
    verifier.verify(&request, |_| false, now)?;
    Ok(Some(Caller {
        access_key_id: verifier.signer().credentials.access_key_id.clone(),
        account_id: state.options.account_id.clone(),
        user_arn: user_arn(state),
    }))
}

/// Checks the signature of a call of the management API (conformance G3), if signatures are verified. The gateway's own
/// functions may add their session token.
pub(crate) fn verify_call<'a>(
    state: &GatewayState,
    request: impl FnOnce() -> Request<'a>,
) -> Result<(), SignatureError> {
    let Some(verifier) = &state.verifier else {
        return Ok(());
    };
    let sessions = &state.options.session_tokens;
    let is_issued = |token: &str| sessions.session(token).is_some();
    verifier.verify(&request(), is_issued, state.now())
}

/// Returns the error of a call of the management API without permission (conformance G3).
pub(crate) fn denied(state: &GatewayState, method: &Method) -> Option<HttpError> {
    if !state.options.denied.contains(method) {
        return None;
    }
    let account = &state.options.account_id;
    // Only the last 4 of the 12 digits of an account id are shown.
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

fn user_arn(state: &GatewayState) -> String {
    format!("arn:aws:iam::{}:user/{USER}", state.options.account_id)
}
