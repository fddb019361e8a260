//! A message.

use super::Dispatcher;
use crate::app::backend::EventScope;
use crate::app::lambda_response::LambdaResponse;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::error::{Error, SendError};
use crate::event::{EventData, Message};
use crate::json::Json;
use crate::payload::{IntoPayload, Payload};
use crate::response::{Body, Response};
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
        let data = EventData::Message(data);
        let handled = self.handle(
            context.clone(),
            data,
            sender.clone(),
            RecordCache::default(),
        );
        let response = handled.await;
        let response = self.answer_message(response, &context, &sender).await;
        if let Some(joins) = scope.effects.take_joins() {
            self.announce_joins(joins, &context, &sender).await;
        }
        response
    }

    async fn answer_message(
        &self,
        mut response: Response,
        context: &Context,
        sender: &Sender,
    ) -> LambdaResponse {
        let payload = match std::mem::take(&mut response.body) {
            Body::Nothing | Body::Policy(_) | Body::Json(_) => None,
            Body::Text(payload) => Some(payload),
            Body::Failure(error) => match frame(&error, context.request_id()) {
                Ok(frame) => Some(frame),
                Err(too_large) => {
                    error!(
                        error = &too_large as &dyn std::error::Error,
                        "the error frame could not be sent to the client"
                    );
                    None
                }
            },
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
    }

    let frame = |message: &str| {
        let (code, message) = (error.code(), message);
        let error = ErrorFrame {
            code,
            message,
            request_id,
        };
        Json(Frame { error }).into_payload()
    };
    let message = error.message();
    frame(&message).or_else(|_| frame("the error's message is too large"))
}
