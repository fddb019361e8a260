//! The OpenTelemetry spans of events.

use super::invocation::Invocation;
use super::{Dispatcher, InvocationContext};
use crate::app::lambda_response::LambdaResponse;
use crate::error::BoxError;
use crate::event::EventSource;
use crate::otel::{Carrier, EventSpan};
use crate::task::{Task, TaskKind};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use std::borrow::Cow;

impl Dispatcher {
    /// Begins the span of an event. The span of a task begins once the task is read.
    pub(super) fn begin_span(
        &self,
        event: &Invocation<'_>,
        invocation: InvocationContext<'_>,
    ) -> Option<EventSpan> {
        let otel = self.otel.as_ref()?;
        let carrier = match event {
            Invocation::Connect(_, data) => Carrier::Handshake(&data.headers, &data.query),
            Invocation::Authorize(_, data) => Carrier::Handshake(&data.headers, &data.query),
            Invocation::Message(_, data) => Carrier::Message(&data.body),
            Invocation::Task(_) => return None,
            _ => Carrier::None,
        };
        Some(otel.begin(carrier, invocation.trace_id, || describe(event, invocation)))
    }

    /// Begins the span of a task.
    pub(super) fn begin_task_span(
        &self,
        task: &Task,
        invocation: InvocationContext<'_>,
    ) -> Option<EventSpan> {
        let carrier = match &task.traceparent {
            Some(parent) => Carrier::Text(parent),
            None => Carrier::None,
        };
        let describe = || {
            let name = match task.kind {
                TaskKind::Opened(_) => "task opened",
                TaskKind::Send(_) => "task send",
                TaskKind::Sweep(_) => "task sweep",
            };
            let mut attributes = common("other", invocation);
            attributes.push(KeyValue::new("lambda_ws.task.id", task.id.clone()));
            attributes.push(KeyValue::new("lambda_ws.task.hop", i64::from(task.hop)));
            (Cow::Borrowed(name), SpanKind::Consumer, attributes)
        };
        let otel = self.otel.as_ref()?;
        Some(otel.begin(carrier, invocation.trace_id, describe))
    }

    /// Ends the span of an event, and sends all spans that have ended.
    pub(super) async fn end_span(
        &self,
        span: Option<EventSpan>,
        response: &Result<LambdaResponse, BoxError>,
        invocation: InvocationContext<'_>,
    ) {
        end(span, response);
        if let Some(otel) = &self.otel {
            otel.flush(invocation.deadline).await;
        }
    }
}

/// Ends the span of an event with its response.
fn end(span: Option<EventSpan>, response: &Result<LambdaResponse, BoxError>) {
    let Some(span) = span else {
        return;
    };
    match response {
        Ok(LambdaResponse::Proxy { status, .. }) => {
            span.end(Some(*status), (*status >= 500).then_some("handler"));
        }
        Ok(LambdaResponse::Json(_)) => span.end(None, None),
        Err(_) => span.end(None, Some("invocation")),
    }
}

/// The name, the kind and the attributes of an event's span. They contain neither messages nor tokens.
fn describe(
    event: &Invocation<'_>,
    invocation: InvocationContext<'_>,
) -> (Cow<'static, str>, SpanKind, Vec<KeyValue>) {
    let (name, kind, trigger) = match event {
        Invocation::Connect(..) => ("$connect".into(), SpanKind::Server, "http"),
        Invocation::Authorize(..) => ("authorize".into(), SpanKind::Server, "http"),
        Invocation::Disconnect(..) => ("$disconnect".into(), SpanKind::Server, "http"),
        Invocation::Message(context, _) => {
            let name = format!("process {}", context.route_key());
            (name.into(), SpanKind::Consumer, "http")
        }
        Invocation::Trigger(source, _) => {
            let name = source.map_or("$event", EventSource::route);
            (name.into(), SpanKind::Consumer, "other")
        }
        Invocation::Http(_) => ("http".into(), SpanKind::Server, "http"),
        Invocation::Task(_) | Invocation::Publish(_) | Invocation::Records(..) => {
            ("publish".into(), SpanKind::Consumer, "pubsub")
        }
    };
    let mut attributes = common(trigger, invocation);
    if let Some(context) = event.context() {
        let id = context.connection_id().as_str().to_owned();
        attributes.extend([
            KeyValue::new("network.protocol.name", "websocket"),
            KeyValue::new("lambda_ws.connection.id", id),
            KeyValue::new("lambda_ws.route", context.route_key().to_owned()),
            KeyValue::new("lambda_ws.stage", context.stage().to_owned()),
        ]);
    }
    match event {
        Invocation::Message(_, data) => {
            let size = i64::try_from(data.body.len()).unwrap_or(i64::MAX);
            attributes.extend([
                KeyValue::new("messaging.system", "websocket"),
                KeyValue::new("messaging.operation.name", "process"),
                KeyValue::new("messaging.operation.type", "process"),
                KeyValue::new("messaging.message.body.size", size),
            ]);
        }
        Invocation::Disconnect(_, data) => {
            let code = data.code.map(i64::from);
            let code = code.map(|code| KeyValue::new("lambda_ws.close_code", code));
            attributes.extend(code);
        }
        _ => {}
    }
    (name, kind, attributes)
}

fn common(trigger: &'static str, invocation: InvocationContext<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new("faas.trigger", trigger)];
    if let Some(id) = invocation.request_id {
        attributes.push(KeyValue::new("faas.invocation_id", id.to_owned()));
    }
    attributes
}
