//! A message.

use super::Dispatcher;
use crate::app::backend::EventScope;
use crate::app::lambda_response::LambdaResponse;
use crate::client_limits::Limited;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::error::{Error, SendError};
use crate::event::{EventData, Message};
use crate::json::Json;
use crate::payload::{IntoPayload, Payload};
use crate::response::{Body, IntoResponse, Response};
use crate::router::RequestFrame;
use crate::sender::{EventOrigin, Sender};
use serde::Serialize;
use tracing::{debug, error};

impl Dispatcher {
    pub(super) async fn message(
        &self,
        context: Context,
        data: Message,
        scope: &EventScope,
    ) -> LambdaResponse {
        let origin = EventOrigin::Connected(context.connection_id().clone());
        let sender = self.backend.sender_for(&context, scope, origin);
        let mut request = self.router.request_frame(&data.body);
        let record_cache = RecordCache::default();
        // The mark uses the record that the handler has read.
        let mark = self
            .seen
            .as_ref()
            .map(|seen| seen.mark(&context, &record_cache, &sender));
        let response = match request.as_mut().map_or(Ok(()), RequestFrame::check) {
            Ok(()) => {
                let data = EventData::Message(data);
                let handled = self.handle(context.clone(), data, sender.clone(), record_cache);
                handled.await
            }
            Err(error) => IntoResponse::<Message>::into_response(error),
        };
        if let Some(mark) = mark.flatten() {
            scope.effects.run(mark).await;
        }
        let answered = self.answer_message(response, request.as_ref(), &context, &sender);
        let response = answered.await;
        if let Some(joins) = scope.effects.take_joins() {
            self.announce_joins(joins, &context, &sender).await;
        }
        response
    }

    async fn answer_message(
        &self,
        mut response: Response,
        request: Option<&RequestFrame>,
        context: &Context,
        sender: &Sender,
    ) -> LambdaResponse {
        let (body, request_id) = (std::mem::take(&mut response.body), context.request_id());
        let payload = match (request, body) {
            (Some(request), body) => request.answer(body, request_id),
            (None, Body::Nothing | Body::Policy(_) | Body::Json(_)) => None,
            (None, Body::Text(payload)) => Some(Ok(payload)),
            (None, Body::Failure(error)) => Some(frame(&error, request_id)),
        };
        let payload = match payload.transpose() {
            Ok(payload) => payload,
            Err(error) => {
                error!(
                    error = &error as &dyn std::error::Error,
                    "the response could not be sent to the client"
                );
                None
            }
        };
        let Some(payload) = payload else {
            return LambdaResponse::new(&response, None);
        };
        if response.two_way {
            let body = payload.text().to_owned();
            return LambdaResponse::new(&response, Some(body));
        }
        match sender.send(context.connection_id(), payload).await {
            Ok(()) => {}
            Err(SendError::Gone) => debug!("the client disconnected before the response was sent"),
            Err(error) => error!(
                error = &error as &dyn std::error::Error,
                "the response could not be sent to the client"
            ),
        }
        LambdaResponse::new(&response, None)
    }
}

/// Returns the error frame for the client of a failed handler.
fn frame(error: &Error, request_id: &str) -> Result<Payload, SendError> {
    #[derive(Serialize)]
    struct Frame<'a> {
        error: ErrorFrame<'a>,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ErrorFrame<'a> {
        code: &'a str,
        message: &'a str,
        request_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry: Option<u64>,
    }

    let frame = |message: &str| {
        let error = ErrorFrame {
            code: error.code(),
            message,
            request_id,
            retry: Limited::retry(error),
        };
        Json(Frame { error }).into_payload()
    };
    let message = error.message();
    frame(&message).or_else(|_| frame("the error's message is too large"))
}
