//! Events that do not come from a connection, for handlers of the application.

use super::invocation::HttpOrigin;
use super::{Dispatcher, InvocationContext, event};
use crate::admin::{self, AdminError};
use crate::app::backend::EventScope;
use crate::app::error::UnknownEvent;
use crate::app::lambda_response::LambdaResponse;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::error::BoxError;
use crate::event::{EventData, EventSource, Trigger};
use crate::response::{Body, Response};
use bytes::Bytes;

impl Dispatcher {
    /// Calls the handler of an event. There is one.
    pub(super) async fn trigger(
        &self,
        source: Option<EventSource>,
        json: Bytes,
        invocation: InvocationContext<'_>,
        scope: &EventScope,
    ) -> Result<LambdaResponse, BoxError> {
        let trigger = Trigger { source };
        let context = Context::trigger(
            trigger.route(),
            invocation.request_id,
            invocation.trace_id,
            json,
            self.backend.clock().now(),
        );
        let sender = self.backend.sender_of_trigger(scope);
        let data = EventData::Trigger(trigger);
        let event = event(context, data, sender, RecordCache::default());
        result(self.respond(event).await)
    }

    /// Calls the HTTP service.
    #[cfg(feature = "http")]
    pub(super) async fn http(
        &self,
        origin: HttpOrigin,
        json: &str,
        invocation: InvocationContext<'_>,
        scope: &EventScope,
    ) -> Result<LambdaResponse, BoxError> {
        use crate::router::HttpCall;
        use lambda_http::request::LambdaRequest;

        let Some(service) = self.router.http_service() else {
            return Err(no_service().into());
        };
        let request = match origin {
            HttpOrigin::HttpApi => LambdaRequest::ApiGatewayV2(serde_json::from_str(json)?),
            HttpOrigin::RestApi => LambdaRequest::ApiGatewayV1(serde_json::from_str(json)?),
            HttpOrigin::LoadBalancer => LambdaRequest::Alb(serde_json::from_str(json)?),
        };
        let mut context = lambda_http::Context::default();
        context.request_id = invocation.request_id.unwrap_or_default().to_owned();
        context.xray_trace_id = invocation.trace_id.map(str::to_owned);
        let sender = self.backend.sender_of_trigger(scope);
        let call = HttpCall {
            request,
            context,
            sender,
        };
        Ok(LambdaResponse::Json(service(call).await?))
    }

    #[cfg(not(feature = "http"))]
    pub(super) async fn http(
        &self,
        _: HttpOrigin,
        _: &str,
        _: InvocationContext<'_>,
        _: &EventScope,
    ) -> Result<LambdaResponse, BoxError> {
        Err(no_service().into())
    }

    /// Returns why an event without a handler fails.
    pub(super) fn unhandled(
        source: Option<EventSource>,
        cause: Option<BoxError>,
        json: &str,
    ) -> BoxError {
        if source.is_none() && admin::command(json).is_some() {
            return AdminError::Off.into();
        }
        let handler = match source {
            Some(source) => format!("`Router::on(EventSource::{source}, ..)`"),
            None => "`Router::event(..)`".to_owned(),
        };
        UnknownEvent::unhandled(&handler, cause).into()
    }
}

fn no_service() -> UnknownEvent {
    UnknownEvent::unhandled("`Router::http(..)` (cargo feature `http`)", None)
}

/// The result of an invocation.
fn result(response: Response) -> Result<LambdaResponse, BoxError> {
    match response.body {
        Body::Failure(error) => Err(error.into_cause()),
        _ if !response.status.is_success() => {
            Err(format!("a layer responded with {}", response.status).into())
        }
        Body::Json(json) => Ok(LambdaResponse::Json(json)),
        Body::Text(text) => LambdaResponse::json(&text.text()),
        Body::Nothing | Body::Policy(_) => LambdaResponse::json(&()),
    }
}
