//! From an event's JSON to the response's.

mod authorize;
mod late;
mod outside;
mod presence;
mod protocol;
mod publish;
mod task;

pub(super) use authorize::AuthorizerError;
pub(super) use publish::PublishError;

use super::backend::{Backend, Particulars};
use super::failure::Failure;
use super::lambda_response::LambdaResponse;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::error::SendError;
use crate::error::{BoxError, Error};
use crate::event::{AnyEvent, Authorize, Connect, Disconnect, Event, EventData, Message};
use crate::json::Json;
use crate::metrics::Metric;
use crate::payload::{IntoPayload, Payload};
use crate::presence::PendingChange;
use crate::response::{Body, IntoResponse, Response};
use crate::router::{Router, RouterService};
use crate::sender::{Cleanup, Sender};
use crate::store::check_name;
use crate::{ConnectionId, Timestamp};
use futures_util::FutureExt;
use futures_util::future::{self, Either};
use http::{Extensions, StatusCode};
use lambda_runtime::tower::ServiceExt;
use lambda_ws_protocol::event::{EventType, IncomingContext, IncomingEvent, OfferedProtocols};
use late::Late;
use serde::Serialize;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span, debug, error, error_span, warn};

/// How long an event waits for its clean-up.
const SETTLE: Duration = Duration::from_secs(1);

/// How long `$connect` and messages may send to many: API Gateway gives up at 29 s (conformance E5).
const DEADLINE: Duration = Duration::from_secs(25);

/// How long after it was registered a connection that is opening may have been closed by another event. Who
/// closes one repeats that for longer.
const CLOSE_CHECK: Duration = Duration::from_secs(1);

/// When an event was given to the program, and as which invocation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InvocationContext<'a> {
    /// When its response must be there.
    pub(crate) deadline: Option<Instant>,
    /// The invocation's id, as Lambda's own log lines have it.
    pub(crate) request_id: Option<&'a str>,
    /// The trace of X-Ray that it is a part of.
    pub(crate) trace_id: Option<&'a str>,
}

impl<'a> InvocationContext<'a> {
    /// That of an invocation, which Lambda ends at `deadline`, in milliseconds since 1970. One that has passed already
    /// is none: `cargo lambda watch` tells how many milliseconds there are instead of until when.
    pub(crate) fn of(
        deadline: u64,
        request_id: Option<&'a str>,
        trace_id: Option<&'a str>,
    ) -> Self {
        let (deadline, now) = (Timestamp::from_millis(deadline), Timestamp::now());
        let left = deadline - now;
        // Time to hand on what is left, and to answer.
        let left = left.saturating_sub(RESERVE.min(left / 8));
        Self {
            deadline: (deadline > now).then(|| Instant::now() + left),
            request_id,
            trace_id,
        }
    }

    /// The same, if API Gateway waits for the response.
    fn awaited(self) -> Self {
        let most = Instant::now() + DEADLINE;
        Self {
            deadline: Some(self.deadline.map_or(most, |deadline| deadline.min(most))),
            ..self
        }
    }
}

/// How long before Lambda ends an invocation the last message is sent.
const RESERVE: Duration = Duration::from_secs(2);

/// Serves events with a router.
pub(crate) struct Dispatcher {
    router: Arc<Router>,
    /// The router in its layers, if it has any.
    layered: Option<RouterService>,
    backend: Backend,
    /// Connections that have been opened since, and that no task was queued for.
    late: Mutex<Vec<Late>>,
}

impl Dispatcher {
    pub(crate) fn new(router: Router, backend: Backend) -> Self {
        let router = Arc::new(router);
        Self {
            layered: router.layered(),
            backend: backend.hosted(router.presence_hooks()),
            router,
            late: Mutex::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn metrics(&self) -> Option<Arc<crate::metrics::Metrics>> {
        self.backend.metrics().cloned()
    }

    /// The response to an event. It is an error only if the event is none that is known, or one that is
    /// answered with a failure: an authorizer's, or one of no API.
    pub(crate) async fn call(
        &self,
        json: &str,
        occasion: InvocationContext<'_>,
    ) -> Result<LambdaResponse, Failure> {
        let metrics = self.backend.metrics();
        // Written before Lambda has the response, and freezes the program.
        let _line = metrics.map(|metrics| metrics.line(self.backend.clock()));
        let late = std::mem::take(&mut *self.late());
        let answer = self.answer(json, occasion);
        if late.is_empty() {
            return answer.await.map_err(Failure::from);
        }
        let follow_up = Box::pin(self.follow_up(late, occasion));
        let reply = match future::select(Box::pin(answer), follow_up).await {
            Either::Left((reply, follow_up)) => {
                // What is not done by then is put back.
                let _ = timeout(SETTLE, follow_up).await;
                reply
            }
            Either::Right(((), answer)) => answer.await,
        };
        reply.map_err(Failure::from)
    }

    // What is large and not a message's is in boxes: the future of every event is moved several times on its way
    // into Lambda's runtime, as large as the largest of them.
    async fn answer(
        &self,
        json: &str,
        occasion: InvocationContext<'_>,
    ) -> Result<LambdaResponse, BoxError> {
        let incoming: Result<IncomingEvent<'_>, _> = serde_json::from_str(json);
        let mut incoming = incoming.map_err(UnknownEvent::because)?;
        let Some((kind, id, mut context)) = socket(&mut incoming) else {
            return Box::pin(self.outside(json, occasion)).await;
        };
        let closed = Disconnect {
            code: context
                .disconnect_status_code
                .and_then(|code| code.try_into().ok()),
            reason: context.disconnect_reason.take(),
        };
        let context = Context::new(id, &mut context, occasion.trace_id);
        let span = about(&context, context.route_key(), occasion);
        let cleanup = Cleanup::beside();
        let answer = async {
            let occasion = match kind {
                EventType::Disconnect => occasion,
                _ => occasion.awaited(),
            };
            let particulars = Particulars {
                opening: (kind == EventType::Connect).then(|| context.connection_id().clone()),
                alive: (kind == EventType::Message).then(|| context.connection_id().clone()),
                deadline: occasion.deadline,
                ..Particulars::default()
            };
            let beside = cleanup.clone();
            let sender = self.backend.sender_for(&context, beside, particulars);
            let reply = match kind {
                EventType::Connect if let Some(method_arn) = incoming.method_arn.take() => {
                    let data = Authorize {
                        headers: incoming.headers()?,
                        query: incoming.query()?,
                        method_arn,
                    };
                    self.authorize(context, data, sender).await?
                }
                EventType::Connect => {
                    let data = Connect {
                        headers: incoming.headers()?,
                        query: incoming.query()?,
                        declared: Arc::default(),
                    };
                    Box::pin(self.connect(context, data, sender, (occasion, &cleanup))).await
                }
                EventType::Disconnect => Box::pin(self.disconnect(context, closed, sender)).await,
                EventType::Message | EventType::Other => {
                    let body = incoming.body.take().unwrap_or_default();
                    let data = Message {
                        body,
                        selected: None,
                    };
                    self.message(context, data, sender).await
                }
            };
            cleanup.settle(SETTLE).await;
            if self.backend.presences().has_changes() {
                Box::pin(self.settle_presences(occasion)).await;
            }
            Ok(reply)
        };
        answer.instrument(span).await
    }

    async fn connect(
        &self,
        context: Context,
        data: Connect,
        sender: Sender,
        (occasion, cleanup): (InvocationContext<'_>, &Cleanup),
    ) -> LambdaResponse {
        let declared = data.declared.clone();
        let offer = OfferedProtocols::of(&data.headers);
        let event = event(
            context.clone(),
            EventData::Connect(data),
            sender.clone(),
            RecordCache::default(),
        );
        let mut response = self.respond(event).await;
        log(&response);
        if !response.status.is_success() {
            self.count(Metric::Refusals);
            return LambdaResponse::new(&response, None);
        }
        protocol::choose(&mut response, &offer);
        let (record, announcements) = {
            let mut declared = declared.lock().unwrap_or_else(PoisonError::into_inner);
            let (id, at) = (context.connection_id().clone(), context.connected_at());
            let record = declared.record(id, at, context.api(), sender.now());
            (record, std::mem::take(&mut declared.announcements))
        };
        if let Err(error) = self.backend.store.register(&record).await {
            // A client that is connected is always registered: this one will not be connected.
            error!(
                error = &error as &dyn std::error::Error,
                "the connection is not registered"
            );
            if let Err(error) = self.backend.store.remove(&record.id, record.at).await {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "what was written of it is left to expire"
                );
            }
            self.count(Metric::Refusals);
            return LambdaResponse::new(&Response::new(StatusCode::SERVICE_UNAVAILABLE), None);
        }
        let registered = Instant::now();
        self.count(Metric::Connects);
        let arrived = self.arrivals(&record).await;
        for (room, payload) in announcements {
            let others = sender.room(&*room).except(context.connection_id());
            match others.send(payload).await {
                Ok(delivery) if delivery.rest.is_some() => {
                    error!(room, "not everybody heard the announcement in time");
                }
                Ok(_) => {}
                Err(error) => error!(
                    room,
                    error = &error as &dyn std::error::Error,
                    "not announced"
                ),
            }
        }
        if self.router.handles_opened() {
            self.queue_opened(context.clone()).await;
        }
        if !arrived.is_empty() {
            let particulars = Particulars {
                opening: Some(record.id.clone()),
                deadline: occasion.deadline,
                spares: true,
                ..Particulars::default()
            };
            let sender = self
                .backend
                .sender_for(&context, cleanup.clone(), particulars);
            let user = record.user.unwrap_or_default();
            self.announce_joins((user, arrived), &context, &sender)
                .await;
        }
        if registered.elapsed() >= CLOSE_CHECK && self.is_closed(&record.id, record.at).await {
            debug!("the connection was closed during its handshake");
            self.count(Metric::Refusals);
            return LambdaResponse::new(&Response::new(StatusCode::FORBIDDEN), None);
        }
        LambdaResponse::new(&response, None)
    }

    /// Whether a connection was closed since it was registered. Its record is removed then.
    async fn is_closed(&self, id: &ConnectionId, at: Timestamp) -> bool {
        let now = self.backend.clock().now();
        let found = self.backend.store.record(id, now).await;
        let is_closed = found.is_ok_and(|record| record.is_none_or(|record| record.gone));
        if is_closed && let Err(error) = self.backend.store.remove(id, at).await {
            let error = &error as &dyn std::error::Error;
            warn!(error, "the record of a closed connection is left to expire");
        }
        is_closed
    }

    async fn message(&self, context: Context, data: Message, sender: Sender) -> LambdaResponse {
        let known = RecordCache::default();
        let data = EventData::Message(data);
        let event = event(context.clone(), data, sender.clone(), known.clone());
        let response = self.respond(event).await;
        log(&response);
        let reply = self.answer_message(response, &context, &sender).await;
        if let Some(arrived) = known.arrived() {
            self.announce_joins(arrived, &context, &sender).await;
        }
        reply
    }

    /// Has a message's sender told what the handler returned.
    async fn answer_message(
        &self,
        mut response: Response,
        context: &Context,
        sender: &Sender,
    ) -> LambdaResponse {
        let payload = match std::mem::take(&mut response.body) {
            Body::Nothing | Body::Policy(_) => None,
            Body::Text(payload) => Some(payload),
            Body::Failure(error) => match frame(&error, context.request_id()) {
                Ok(frame) => Some(frame),
                Err(too_large) => {
                    error!(
                        error = &too_large as &dyn std::error::Error,
                        "the client is not told of its error"
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
            Err(SendError::Gone) => debug!("the client has gone before it was answered"),
            Err(error) => error!(
                error = &error as &dyn std::error::Error,
                "the client is not answered"
            ),
        }
        LambdaResponse::new(&response, None)
    }

    async fn disconnect(
        &self,
        context: Context,
        data: Disconnect,
        sender: Sender,
    ) -> LambdaResponse {
        if let Some(metrics) = self.backend.metrics() {
            metrics.disconnect(data.code);
        }
        let (id, at) = (context.connection_id(), context.connected_at());
        self.backend.gone.remember(id, self.backend.clock().now());
        if self.backend.presences().are_kept() {
            self.store_departure(id, at, &sender).await;
        }
        let record = match self.backend.store.remove(id, at).await {
            Ok(record) => record,
            Err(error) => {
                // The next message to it finds it gone, and its record expires.
                error!(
                    error = &error as &dyn std::error::Error,
                    "the connection is not removed"
                );
                return LambdaResponse::new(&Response::new(StatusCode::SERVICE_UNAVAILABLE), None);
            }
        };
        let data = EventData::Disconnect(data);
        let event = event(context, data, sender, RecordCache::removed(record));
        let response = self.respond(event).await;
        log(&response);
        LambdaResponse::new(&response, None)
    }

    /// Stores that a connection leaves its rooms, before it is removed: a process that ends in between loses
    /// no departure, and a connection that is not removed keeps its user present.
    async fn store_departure(&self, id: &ConnectionId, at: Timestamp, sender: &Sender) {
        match self.backend.store.record(id, sender.now()).await {
            Ok(record) => {
                let record = record.filter(|record| record.at == at && !record.gone);
                let departure = record.as_ref().and_then(PendingChange::departure);
                sender.depart(departure.as_slice()).await;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                error!(error, "the departure of a user is not stored");
            }
        }
    }

    fn count(&self, metric: Metric) {
        if let Some(metrics) = self.backend.metrics() {
            metrics.count(metric);
        }
    }

    /// Calls the handler of an event, within the layers.
    async fn respond(&self, event: AnyEvent) -> Response {
        let Some(layered) = &self.layered else {
            return self.router.respond(event).await;
        };
        let response = layered.clone().oneshot(event).await;
        response.unwrap_or_else(|error| IntoResponse::<Message>::into_response(Error::from(error)))
    }

    /// Calls a handler whose panic must not end the event, which may be another client's.
    async fn respond_isolated(&self, event: AnyEvent) -> Response {
        let response = AssertUnwindSafe(self.respond(event)).catch_unwind().await;
        response.unwrap_or_else(|panic| {
            let error = Error::from(BoxError::from(Failure::panic(&*panic)));
            IntoResponse::<Message>::into_response(error)
        })
    }
}

/// The event is not one that the library knows.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown event: expected `requestContext.eventType` CONNECT, MESSAGE or DISCONNECT and a \
     `requestContext.connectionId`; or `publish`, by itself or in the records of SNS or SQS or the detail of \
     EventBridge"
)]
pub(crate) struct UnknownEvent(#[source] Option<BoxError>);

impl UnknownEvent {
    pub(super) fn because(error: impl Into<BoxError>) -> Self {
        Self(Some(error.into()))
    }
}

/// What a socket's event is about.
fn socket<'a>(
    incoming: &mut IncomingEvent<'a>,
) -> Option<(EventType, ConnectionId, IncomingContext<'a>)> {
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
    Some((kind, id.into(), context))
}

fn event(context: Context, data: EventData, sender: Sender, known: RecordCache) -> AnyEvent {
    Event {
        data,
        extensions: Extensions::new(),
        context,
        sender,
        known,
    }
}

/// What all lines of an event say. Of the highest level, so that a warning says it where no more than
/// warnings are logged.
fn about(context: &Context, route: &str, occasion: InvocationContext<'_>) -> Span {
    error_span!(
        "event",
        route,
        connection = %context.connection_id(),
        request = context.request_id(),
        requestId = occasion.request_id,
        xrayTraceId = occasion.trace_id,
    )
}

/// Logs why a handler failed, once.
fn log(response: &Response) {
    match response.error() {
        // Its text may repeat what the client sent, which has been told it.
        Some(error) if error.is_client() => {
            let cause = error.source().map(tracing::field::display);
            debug!(code = error.code(), error = cause, "the client is refused");
        }
        Some(error) => error!(?error, "the handler failed"),
        None => {}
    }
}

/// What the client of a failed message is told.
fn frame(error: &Error, request_id: &str) -> Result<Payload, SendError> {
    #[derive(Serialize)]
    struct Frame<'a> {
        error: Told<'a>,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Told<'a> {
        code: &'a str,
        message: &'a str,
        request_id: &'a str,
    }

    let told = |message: &str| {
        let (code, message) = (error.code(), message);
        let error = Told {
            code,
            message,
            request_id,
        };
        Json(Frame { error }).into_payload()
    };
    let message = error.message();
    told(&message).or_else(|_| told("the error's message is too large"))
}
