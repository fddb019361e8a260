//! The API's authorizer, which is the application itself.

use super::gateway::IdentitySource;
use super::shared::{API, Failure, STAGE, Shared};
use crate::wire::{AuthorizerRequest, AuthorizerResponse, Pairs, ProxyRequest};
use serde_json::value::RawValue;
use std::sync::Arc;

impl Shared {
    /// Asks the application whether a client may connect, and what later events say of it; or the
    /// status it is refused with (conformance B9).
    pub(super) async fn authorize(
        self: &Arc<Self>,
        sources: &[IdentitySource],
        connect: &ProxyRequest<'_>,
    ) -> Result<Option<Box<RawValue>>, u16> {
        let value = |pairs: Option<&Pairs>, is: &dyn Fn(&str) -> bool| {
            let mut pairs = pairs.into_iter().flat_map(Pairs::iter);
            pairs.any(|(name, value)| is(name) && !value.is_empty())
        };
        let present = |source: &IdentitySource| match source {
            IdentitySource::Header(name) => {
                value(connect.headers, &|n| n.eq_ignore_ascii_case(name))
            }
            IdentitySource::Query(name) => value(connect.query_string_parameters, &|n| n == name),
        };
        if !sources.iter().all(present) {
            return Err(401);
        }
        let method_arn =
            format!("arn:aws:execute-api:us-east-1:123456789012:{API}/{STAGE}/$connect");
        let hops = [
            ("Connection", "upgrade"),
            ("content-length", "0"),
            ("Upgrade", "websocket"),
        ];
        let headers = connect
            .headers
            .into_iter()
            .flat_map(Pairs::iter)
            .chain(hops);
        let mut headers: Vec<_> = headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        headers.sort_by_key(|(name, _)| name.to_ascii_lowercase());
        let headers: Pairs = headers.into_iter().collect();
        let query = connect.query_string_parameters;
        let event = AuthorizerRequest {
            r#type: "REQUEST",
            method_arn: &method_arn,
            headers: Some(&headers),
            multi_value_headers: Some(&headers),
            query_string_parameters: query,
            multi_value_query_string_parameters: query,
            stage_variables: None,
            request_context: connect.request_context.clone(),
        };
        match self.run(event.r#type, &event.request_context, &event).await {
            Ok(json) => match AuthorizerResponse::read(&json) {
                Ok(response) if response.allows(&method_arn) => {
                    Ok(serde_json::value::to_raw_value(response.said()).ok())
                }
                Ok(_) => Err(403),
                Err(_) => Err(500),
            },
            Err(Failure::Error(message)) if message == "Unauthorized" => Err(401),
            Err(Failure::Error(_) | Failure::Panicked | Failure::TimedOut) => Err(500),
        }
    }
}
