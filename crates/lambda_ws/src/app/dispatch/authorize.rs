//! An authorizer's event.

use super::{Dispatcher, event, log};
use crate::app::lambda_response::LambdaResponse;
use crate::auth::Policy;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::error::BoxError;
use crate::event::{Authorize, EventData};
use crate::metrics::Metric;
use crate::response::Body;
use crate::sender::Sender;
use http::StatusCode;
use serde_json::value::RawValue;
use tracing::{debug, error};

/// Why an authorizer returns no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorizerError {
    /// The failure that API Gateway answers with 401; any other is a 500 (conformance B9).
    #[error("Unauthorized")]
    Unauthorized,
    /// The handler failed.
    #[error("the authorizer failed with {0}")]
    Failed(StatusCode),
    /// The policy cannot be sent.
    #[error("{0}")]
    Policy(String),
}

impl Dispatcher {
    pub(super) async fn authorize(
        &self,
        context: Context,
        data: Authorize,
        sender: Sender,
    ) -> Result<LambdaResponse, BoxError> {
        let method_arn = data.method_arn.clone();
        let data = EventData::Authorize(data);
        let event = event(context, data, sender, RecordCache::default());
        let response = self.respond(event).await;
        log(&response);
        let refused = |error: AuthorizerError| {
            self.count(Metric::Refusals);
            Err(error.into())
        };
        let policy = match (response.body, response.status) {
            (Body::Policy(policy), _) => *policy,
            (_, StatusCode::UNAUTHORIZED) => return refused(AuthorizerError::Unauthorized),
            (_, StatusCode::FORBIDDEN) => Policy::deny("nobody"),
            (_, status) => return refused(AuthorizerError::Failed(status)),
        };
        if !policy.allows() {
            self.count(Metric::Refusals);
            debug!("the client may not connect");
        }
        let document = policy.document(&method_arn).and_then(|document| {
            RawValue::from_string(document).map_err(|error| error.to_string())
        });
        match document {
            Ok(document) => Ok(LambdaResponse::Json(document)),
            Err(problem) => {
                error!(problem, "the authorizer's policy is not sent");
                refused(AuthorizerError::Policy(problem))
            }
        }
    }
}
