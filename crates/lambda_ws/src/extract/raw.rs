//! An extractor for the whole event.

use super::FromEvent;
use crate::error::Error;
use crate::event::{Authorize, Connect, Disconnect, Event, Message, Trigger};
use serde::de::DeserializeOwned;

/// The whole event that Lambda sent, read as a `T`: a type of
/// [`aws_lambda_events`](https://docs.rs/aws_lambda_events), `serde_json::Value`, or a type of the application.
///
/// For events of the WebSocket API it has what no other extractor has: the message's id, the stage variables, the
/// extended request id. For the events of [`Router::on`](crate::Router::on) it is the way to the event.
///
/// ```
/// use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
/// use lambda_ws::{Raw, Router};
///
/// async fn save(Raw(event): Raw<ApiGatewayWebsocketProxyRequest>) -> String {
///     event.request_context.message_id.unwrap_or_default()
/// }
///
/// let router: Router = Router::new().route("save", save);
/// ```
///
/// A handler without it costs nothing: the event is parsed a second time only for this extractor. An event that is not
/// a `T` fails as an internal error, because the application chose the type: the log names the field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Raw<T>(pub T);

macro_rules! raw {
    ($($kind:ty)*) => { $(
        impl<S: Sync, T: DeserializeOwned> FromEvent<$kind, S> for Raw<T> {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Error> {
                event.raw().map(Self)
            }
        }
    )* };
}

raw! { Authorize Connect Message Disconnect Trigger }
