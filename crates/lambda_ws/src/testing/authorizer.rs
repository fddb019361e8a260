//! The API's authorizer, if the application is one.

use super::shared::{API, Failure, STAGE, Shared};
use lambda_ws_protocol::authorizer::{
    AuthorizerRequest, AuthorizerResponse, IdentitySource, PolicyContext, authorizer_headers,
};
use lambda_ws_protocol::event::ProxyRequest;
use serde_json::value::RawValue;
use std::sync::Arc;

impl Shared {
    /// Returns the context for later events of a client, or the status that rejects it (conformance B9).
    pub(super) async fn authorize(
        self: &Arc<Self>,
        sources: &[IdentitySource],
        connect: &ProxyRequest<'_>,
    ) -> Result<Option<Box<RawValue>>, u16> {
        let method_arn =
            format!("arn:aws:execute-api:us-east-1:123456789012:{API}/{STAGE}/$connect");
        let headers = connect.headers.map(authorizer_headers);
        let query = connect.query_string_parameters;
        let event = AuthorizerRequest {
            r#type: "REQUEST",
            method_arn: &method_arn,
            headers: headers.as_ref(),
            multi_value_headers: headers.as_ref(),
            query_string_parameters: query,
            multi_value_query_string_parameters: query,
            stage_variables: None,
            request_context: connect.request_context.clone(),
        };
        if !sources.iter().all(|source| source.is_in(&event)) {
            return Err(401);
        }
        let client = &event.request_context;
        let header = |name: &str| connect.headers.and_then(|headers| headers.value(name));
        let policy_context = PolicyContext {
            source_ip: client.identity.source_ip,
            user_agent: client.identity.user_agent,
            referer: header("referer"),
            now: client.request_time_epoch,
        };
        match self.run(event.r#type, &event.request_context, &event).await {
            Ok(json) => match AuthorizerResponse::read(&json) {
                Ok(response) if response.allows(&method_arn, &policy_context) => {
                    Ok(serde_json::value::to_raw_value(response.context()).ok())
                }
                Ok(_) => Err(403),
                Err(_) => Err(500),
            },
            Err(Failure::Error(message)) if message == "Unauthorized" => Err(401),
            Err(Failure::Error(_) | Failure::Panicked | Failure::TimedOut) => Err(500),
        }
    }
}
