//! The event of an invocation.

use super::InvocationContext;
use super::records::{Record, RecordFields};
use crate::app::error::UnknownEvent;
use crate::context::Context;
use crate::error::BoxError;
use crate::event::{Authorize, Connect, Disconnect, EventSource, Message};
use crate::store::check_name;
use lambda_ws_protocol::event::{EventType, IncomingContext, IncomingEvent};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

pub(super) enum Invocation<'a> {
    Authorize(Context, Authorize),
    Connect(Context, Connect),
    Message(Context, Message),
    Disconnect(Context, Disconnect),
    /// A follow-up task of the function itself.
    Task(&'a RawValue),
    Publish(&'a RawValue),
    /// Notifications of SNS, or messages of SQS.
    Records(EventSource, Vec<Record>),
    /// An event for a handler of the application.
    Trigger(Option<EventSource>, Option<BoxError>),
    /// An HTTP request.
    Http(HttpOrigin),
}

/// The service that an HTTP request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HttpOrigin {
    /// An HTTP API with payload format 2.0, or a function URL.
    HttpApi,
    /// A REST API, or an HTTP API with payload format 1.0.
    RestApi,
    /// An Application Load Balancer.
    LoadBalancer,
}

/// An event that does not come from a WebSocket API.
///
/// Members that another event may have with another type are read only where they matter.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NonSocketEvent<'a> {
    #[serde(borrow)]
    lambda_ws_task: Option<&'a RawValue>,
    #[serde(borrow)]
    publish: Option<&'a RawValue>,
    #[serde(borrow, rename = "Records")]
    records: Option<&'a RawValue>,
    /// Of EventBridge. EventBridge Scheduler writes the text `{}`.
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow, rename = "detail-type")]
    detail_type: Option<&'a RawValue>,
    #[serde(borrow)]
    request_context: Option<&'a RawValue>,
    /// Of REST APIs and load balancers.
    #[serde(borrow)]
    http_method: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow)]
    publish: Option<&'a RawValue>,
}

/// The members of a request context by which HTTP events differ.
#[derive(Deserialize)]
struct HttpContext {
    http: Option<IgnoredAny>,
    elb: Option<IgnoredAny>,
}

impl NonSocketEvent<'_> {
    /// The origin of the HTTP request that the event is, if it is one.
    fn http_origin(&self) -> Option<HttpOrigin> {
        let context: HttpContext = part(self.request_context)?;
        match (context.http, context.elb, self.http_method) {
            (Some(_), ..) => Some(HttpOrigin::HttpApi),
            (None, Some(_), _) => Some(HttpOrigin::LoadBalancer),
            (None, None, Some(_)) => Some(HttpOrigin::RestApi),
            (None, None, None) => None,
        }
    }

    /// The source of an event of EventBridge, if it is one.
    fn event_bridge(&self) -> Option<EventSource> {
        let source: String = part(self.source)?;
        let detail_type: String = part(self.detail_type)?;
        Some(EventSource::of_event_bridge(&source, &detail_type))
    }
}

/// Reads a member, if it has the expected type.
fn part<'a, T: Deserialize<'a>>(json: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(json?.get()).ok()
}

impl<'a> Invocation<'a> {
    /// Parses an event.
    ///
    /// # Errors
    ///
    /// It is not one that the library knows, or its headers or query are not valid.
    pub(super) fn read(json: &'a str, invocation: InvocationContext<'_>) -> Result<Self, BoxError> {
        let mut incoming: IncomingEvent<'_> = match serde_json::from_str(json) {
            Ok(incoming) => incoming,
            Err(error) => return Ok(Self::non_socket(json, Some(error))?),
        };
        let Some((kind, id, mut parts)) = socket(&mut incoming) else {
            return Ok(Self::non_socket(json, None)?);
        };
        let event = invocation.json(json);
        let context = Context::new(id.into(), &mut parts, invocation.trace_id, event);
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

    /// Reads an event that does not come from a WebSocket API, which is not one because of `error`.
    fn non_socket(json: &'a str, error: Option<serde_json::Error>) -> Result<Self, UnknownEvent> {
        let event: NonSocketEvent<'_> = match serde_json::from_str(json) {
            Ok(event) => event,
            // JSON that is not an object.
            Err(error) if error.is_data() => return Ok(Self::Trigger(None, Some(error.into()))),
            Err(error) => return Err(UnknownEvent::because(error)),
        };
        if let Some(task) = event.lambda_ws_task {
            return Ok(Self::Task(task));
        }
        let in_detail = || part::<Detail<'_>>(event.detail)?.publish;
        if let Some(publish) = event.publish.or_else(in_detail) {
            return Ok(Self::Publish(publish));
        }
        if let Some(origin) = event.http_origin() {
            return Ok(Self::Http(origin));
        }
        let error = error.map(BoxError::from);
        let records = match event.records {
            Some(records) => serde_json::from_str::<Vec<RecordFields>>(records.get()),
            None => return Ok(Self::Trigger(event.event_bridge(), error)),
        };
        Ok(match records {
            Ok(records) => Self::records(records, error),
            Err(invalid) => Self::Trigger(None, Some(invalid.into())),
        })
    }

    /// Reads an event of records. All of them have the same source.
    fn records(records: Vec<RecordFields>, error: Option<BoxError>) -> Self {
        let source = records.first().and_then(RecordFields::source);
        let records: Option<Vec<_>> = records.into_iter().map(RecordFields::read).collect();
        match (source, records) {
            (Some(source @ (EventSource::Sns | EventSource::Sqs)), Some(records)) => {
                Self::Records(source, records)
            }
            (source, _) => Self::Trigger(source, error),
        }
    }

    pub(super) fn context(&self) -> Option<&Context> {
        match self {
            Self::Authorize(context, _)
            | Self::Connect(context, _)
            | Self::Message(context, _)
            | Self::Disconnect(context, _) => Some(context),
            Self::Task(_)
            | Self::Publish(_)
            | Self::Records(..)
            | Self::Trigger(..)
            | Self::Http(_) => None,
        }
    }

    /// Returns whether API Gateway waits for the response.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(
            self,
            Self::Authorize(..) | Self::Connect(..) | Self::Message(..) | Self::Http(_)
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
