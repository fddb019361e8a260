//! An authorizer's event.

use super::Dispatcher;
use crate::app::backend::EventScope;
use crate::app::error::AuthorizerError;
use crate::app::lambda_response::LambdaResponse;
use crate::auth::Policy;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::error::BoxError;
use crate::event::{Authorize, EventData};
use crate::metrics::Metric;
use crate::response::Body;
use crate::sender::EventOrigin;
use http::StatusCode;
use serde_json::value::RawValue;
use tracing::{debug, error};

impl Dispatcher {
    pub(super) async fn authorize(
        &self,
        context: Context,
        data: Authorize,
        scope: &EventScope,
    ) -> Result<LambdaResponse, BoxError> {
        let method_arn = data.method_arn.clone();
        let origin = EventOrigin::Handshake(context.connection_id().clone());
        let sender = self.backend.sender_for(&context, scope, origin);
        let data = EventData::Authorize(data);
        let handled = self.handle(context, data, sender, RecordCache::default());
        let response = handled.await;
        let refused = |error: AuthorizerError| {
            scope.count(Metric::Refusals);
            Err(error.into())
        };
        let policy = match (response.body, response.status) {
            (Body::Policy(policy), _) => *policy,
            (_, StatusCode::UNAUTHORIZED) => return refused(AuthorizerError::Unauthorized),
            (_, StatusCode::FORBIDDEN) => Policy::deny("nobody"),
            (_, status) => return refused(AuthorizerError::Failed(status)),
        };
        if !policy.allows() {
            scope.count(Metric::Refusals);
            debug!("the client may not connect");
        }
        let document = policy.document(&method_arn).and_then(|document| {
            RawValue::from_string(document).map_err(|error| error.to_string())
        });
        match document {
            Ok(document) => Ok(LambdaResponse::Json(document)),
            Err(problem) => {
                error!(problem, "the authorizer's policy is not valid");
                refused(AuthorizerError::Policy(problem))
            }
        }
    }
}
