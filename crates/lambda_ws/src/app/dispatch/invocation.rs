//! The event of an invocation.

use super::records::Record;
use crate::app::error::UnknownEvent;
use crate::context::Context;
use crate::error::BoxError;
use crate::event::{Authorize, Connect, Disconnect, Message};
use crate::store::check_name;
use lambda_ws_protocol::event::{EventType, IncomingContext, IncomingEvent};
use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) enum Invocation<'a> {
    Authorize(Context, Authorize),
    Connect(Context, Connect),
    Message(Context, Message),
    Disconnect(Context, Disconnect),
    /// A follow-up task of the function itself.
    Task(&'a RawValue),
    Publish(&'a RawValue),
    Records(Vec<Record>),
}

/// An event that does not come from a WebSocket API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NonSocketEvent<'a> {
    #[serde(borrow)]
    lambda_ws_task: Option<&'a RawValue>,
    #[serde(borrow)]
    publish: Option<&'a RawValue>,
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
    #[serde(borrow)]
    detail: Option<Detail<'a>>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow)]
    publish: Option<&'a RawValue>,
}

impl<'a> Invocation<'a> {
    /// Parses an event.
    ///
    /// # Errors
    ///
    /// The event is unknown, or its headers or query are not valid.
    pub(super) fn read(json: &'a str, trace_id: Option<&str>) -> Result<Self, BoxError> {
        let incoming: Result<IncomingEvent<'_>, _> = serde_json::from_str(json);
        let mut incoming = incoming.map_err(UnknownEvent::because)?;
        let Some((kind, id, mut parts)) = socket(&mut incoming) else {
            return Ok(Self::non_socket(json)?);
        };
        let context = Context::new(id.into(), &mut parts, trace_id);
        Ok(match kind {
            EventType::Connect => {
                let (headers, query) = (incoming.headers()?, incoming.query()?);
                match incoming.method_arn {
                    Some(method_arn) => {
                        let data = Authorize {
                            headers,
                            query,
                            method_arn,
                        };
                        Self::Authorize(context, data)
                    }
                    None => Self::Connect(context, Connect { headers, query }),
                }
            }
            EventType::Disconnect => {
                let code = parts.disconnect_status_code;
                let data = Disconnect {
                    code: code.and_then(|code| code.try_into().ok()),
                    reason: parts.disconnect_reason,
                };
                Self::Disconnect(context, data)
            }
            _ => {
                let data = Message {
                    body: incoming.body.unwrap_or_default(),
                    selected: None,
                };
                Self::Message(context, data)
            }
        })
    }

    fn non_socket(json: &'a str) -> Result<Self, UnknownEvent> {
        let event: NonSocketEvent<'_> =
            serde_json::from_str(json).map_err(UnknownEvent::because)?;
        let publish = event.publish.or(event.detail.and_then(|d| d.publish));
        match (event.lambda_ws_task, publish, event.records) {
            (Some(task), ..) => Ok(Self::Task(task)),
            (None, Some(publish), _) => Ok(Self::Publish(publish)),
            (None, None, Some(records)) if !records.is_empty() => Ok(Self::Records(records)),
            _ => Err(UnknownEvent(None)),
        }
    }

    pub(super) fn context(&self) -> Option<&Context> {
        match self {
            Self::Authorize(context, _)
            | Self::Connect(context, _)
            | Self::Message(context, _)
            | Self::Disconnect(context, _) => Some(context),
            Self::Task(_) | Self::Publish(_) | Self::Records(_) => None,
        }
    }

    /// Returns whether API Gateway waits for the response.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(
            self,
            Self::Authorize(..) | Self::Connect(..) | Self::Message(..)
        )
    }
}

/// Returns the kind, the connection and the context of an event of a WebSocket API.
fn socket<'a>(
    incoming: &mut IncomingEvent<'a>,
) -> Option<(EventType, String, IncomingContext<'a>)> {
    // An authorizer's event looks like a CONNECT.
    let authorizes = incoming.kind.as_deref() == Some("REQUEST") && incoming.method_arn.is_some();
    if incoming.kind.is_some() && !authorizes {
        return None;
    }
    incoming.method_arn.take_if(|_| !authorizes);
    let mut context = incoming.request_context.take()?;
    let kind = context
        .event_type
        .filter(|kind| *kind != EventType::Other)?;
    let id = context.connection_id.take()?;
    check_name(&id).ok()?;
    Some((kind, id, context))
}
