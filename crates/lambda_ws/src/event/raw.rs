//! The whole event of Lambda, and the types of `aws_lambda_events`.

use super::{AnyEvent, Connect, Disconnect, Event, EventData, Message};
use crate::error::Error;
use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use http::HeaderMap;
use serde::de::DeserializeOwned;
use std::any::type_name;

impl<K> Event<K> {
    /// Reads the whole event that Lambda sent as a `T`: what the extractor [`Raw`](crate::Raw) does, for extractors
    /// and [layers](crate::Router::layer) of the application.
    ///
    /// The program keeps the text that it received. Only this call parses it again.
    ///
    /// # Errors
    ///
    /// The event is not a `T`, or the handler runs in a task of the library, which no event of AWS started:
    /// [`Opened`](super::Opened), [`Joined`](super::Joined), [`Left`](super::Left) and [`Changed`](super::Changed).
    pub fn raw<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let json = self.context.json();
        if json.is_empty() {
            return Err(
                "this handler runs in a task and has no event of AWS: use `Raw` in `authorize`, `connect`, \
                 `disconnect` and message handlers, and in those of `Router::on` and `Router::event`"
                    .into(),
            );
        }
        serde_json::from_slice(json).map_err(|error| {
            let expected = type_name::<T>();
            format!("the event is not a `{expected}`: {error}; fix: use the type of this event, or make the field optional")
                .into()
        })
    }
}

/// The event with all that API Gateway sent, also what this library does not read.
macro_rules! into_theirs {
    ($($event:ty)*) => { $(
        impl TryFrom<&$event> for ApiGatewayWebsocketProxyRequest {
            type Error = Error;

            fn try_from(event: &$event) -> Result<Self, Error> {
                event.raw()
            }
        }
    )* };
}

into_theirs! { Event<Connect> Event<Message> Event<Disconnect> AnyEvent }

/// The data of an event that was parsed by `aws_lambda_events`, for tests of layers and extractors.
///
/// An authorizer's event is not an `ApiGatewayWebsocketProxyRequest`, so it has no conversion.
///
/// # Errors
///
/// The `eventType` is not CONNECT, MESSAGE or DISCONNECT.
impl TryFrom<ApiGatewayWebsocketProxyRequest> for EventData {
    type Error = Error;

    fn try_from(request: ApiGatewayWebsocketProxyRequest) -> Result<Self, Error> {
        let context = &request.request_context;
        match context.event_type.as_deref() {
            Some("CONNECT") => {
                let query = &request.multi_value_query_string_parameters;
                let query = match query.is_empty() {
                    true => &request.query_string_parameters,
                    false => query,
                };
                let query: Vec<_> = query.iter().collect();
                Ok(Self::Connect(Connect {
                    query: serde_urlencoded::to_string(query)?,
                    headers: all_headers(request.multi_value_headers, request.headers),
                }))
            }
            Some("MESSAGE") => Ok(Self::Message(Message {
                body: request.body.unwrap_or_default(),
                selected: None,
            })),
            Some("DISCONNECT") => {
                let code = context.disconnect_status_code;
                Ok(Self::Disconnect(Disconnect {
                    code: code.and_then(|code| code.try_into().ok()),
                    reason: request.request_context.disconnect_reason,
                }))
            }
            other => Err(format!(
                "the eventType is {other:?}: expected CONNECT, MESSAGE or DISCONNECT"
            )
            .into()),
        }
    }
}

/// API Gateway sends both. A test may fill in one of them.
fn all_headers(many: HeaderMap, single: HeaderMap) -> HeaderMap {
    match many.is_empty() {
        true => single,
        false => many,
    }
}
