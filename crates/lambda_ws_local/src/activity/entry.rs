//! The entries of the activity log, and how the console shows them.

use super::{Operation, OperationKind, Outcome, Snapshot};
use crate::log_line::{LogLine, Stream};
use crate::session_tokens::Session;
use bytes::Bytes;
use lambda_ws_protocol::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The maximum size of an event or a response on the page, in bytes: that of a message.
const SHOWN: usize = 256 * 1024;

/// The maximum size of a stored request or response of a call, in bytes.
const KEPT: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) kind: EntryKind,
}

#[derive(Debug)]
pub(crate) enum EntryKind {
    Begun {
        id: Arc<str>,
        gateway: Option<Arc<str>>,
        function: Box<str>,
        event: Bytes,
    },
    Started {
        id: Arc<str>,
        environment: u64,
        /// The X-Ray trace.
        trace: Box<str>,
        init: Option<Duration>,
    },
    Ended {
        id: Arc<str>,
        duration: Duration,
        result: Result<Bytes, String>,
        calls: Calls,
    },
    Log {
        function: Box<str>,
        line: LogLine,
    },
    Call(Box<CallEntry>),
    Operation(Box<OperationEntry>),
    Opened {
        snapshot: Box<Snapshot>,
        port: u16,
    },
    Closed(Box<OperationEntry>),
    Client(Value),
}

#[derive(Debug)]
pub(crate) struct OperationEntry {
    kind: OperationKind,
    route: Box<str>,
    connection: Box<str>,
    pub(crate) gateway: Arc<str>,
    outcome: Outcome,
    detail: Option<String>,
    duration: Duration,
}

/// The number of calls of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) made: u32,
    /// How many of them are counted but not logged.
    pub(crate) unlogged: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallOrigin {
    /// The process that handles this event.
    During(Arc<str>),
    /// The process whose last event this was.
    After(Arc<str>),
    /// A process that has had no event yet.
    Start,
    /// Unknown, but this was the only event in progress.
    Likely(Arc<str>),
    Unknown,
    Console,
}

/// A call of the management API, DynamoDB or Lambda, as observers receive it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The service, such as `dynamodb`.
    pub service: &'static str,
    /// The operation, such as `POST` or `PutItem`.
    pub action: &'a str,
    /// The connection or the function.
    pub target: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// The duration of the call.
    pub duration: Duration,
    /// The body of the request.
    pub request: Bytes,
    /// The body of the response.
    pub response: Bytes,
    /// The reason of the status, if it needs one.
    pub detail: Option<String>,
}

#[derive(Debug)]
pub(crate) struct CallEntry {
    origin: CallOrigin,
    environment: Option<u64>,
    service: &'static str,
    action: Box<str>,
    target: Box<str>,
    status: u16,
    duration: Duration,
    sizes: (usize, usize),
    request: Bytes,
    response: Bytes,
    detail: Option<String>,
}

impl CallEntry {
    pub(crate) fn new(
        origin: CallOrigin,
        session: Option<Session<'_>>,
        call: &Call<'_>,
    ) -> CallEntry {
        // A slice would keep the complete buffer that the body was read into.
        let kept = |body: &Bytes| Bytes::copy_from_slice(&body[..body.len().min(KEPT)]);
        CallEntry {
            origin,
            environment: session.map(|session| session.environment),
            service: call.service,
            action: call.action.into(),
            target: call.target.into(),
            status: call.status,
            duration: call.duration,
            sizes: (call.request.len(), call.response.len()),
            request: kept(&call.request),
            response: kept(&call.response),
            detail: call.detail.clone(),
        }
    }

    fn show(&self) -> Value {
        let (origin, id) = match &self.origin {
            CallOrigin::During(id) => ("during", Some(id)),
            CallOrigin::After(id) => ("after", Some(id)),
            CallOrigin::Start => ("start", None),
            CallOrigin::Likely(id) => ("likely", Some(id)),
            CallOrigin::Unknown => ("unknown", None),
            CallOrigin::Console => ("console", None),
        };
        json!({
            "k": "call", "origin": origin, "id": id, "env": self.environment,
            "service": self.service, "action": self.action, "target": self.target,
            "status": self.status, "ms": millis(self.duration), "detail": self.detail,
            "request": text(&self.request), "requestBytes": self.sizes.0,
            "response": text(&self.response), "responseBytes": self.sizes.1,
        })
    }
}

impl EntryKind {
    pub(crate) fn operation(operation: &Operation<'_>) -> EntryKind {
        let done = Box::new(OperationEntry {
            kind: operation.kind,
            route: operation.route.into(),
            connection: operation.connection_id.into(),
            gateway: operation.request_id.into(),
            outcome: operation.outcome,
            detail: operation.detail.map(|detail| detail.to_string()),
            duration: operation.duration,
        });
        match operation.kind {
            OperationKind::Close => EntryKind::Closed(done),
            _ => EntryKind::Operation(done),
        }
    }
}

impl OperationEntry {
    fn show(&self) -> Value {
        json!({
            "k": if self.kind == OperationKind::Close { "closed" } else { "done" },
            "what": self.kind.to_string(), "route": self.route, "connection": self.connection, "gw": self.gateway,
            "outcome": self.outcome.to_string(), "good": self.outcome.is_good(), "detail": self.detail,
            "ms": millis(self.duration),
        })
    }
}

impl Entry {
    pub(crate) fn bytes(&self) -> usize {
        const SMALL: usize = 256;
        SMALL
            + match &self.kind {
                EntryKind::Begun { event, .. } => event.len(),
                EntryKind::Ended { result, .. } => result.as_ref().map_or(0, Bytes::len),
                EntryKind::Log { line, .. } => line.text.len(),
                EntryKind::Call(called) => called.request.len() + called.response.len(),
                EntryKind::Client(shown) => match shown {
                    Value::String(text) => text.len(),
                    shown => shown["text"].as_str().map_or(0, str::len),
                },
                EntryKind::Started { .. }
                | EntryKind::Operation(_)
                | EntryKind::Opened { .. }
                | EntryKind::Closed(_) => 0,
            }
    }

    /// Returns the invocation it belongs to, by the function's or the gateway's request id.
    pub(crate) fn invocation(&self) -> Option<&Arc<str>> {
        match &self.kind {
            EntryKind::Begun { id, .. }
            | EntryKind::Started { id, .. }
            | EntryKind::Ended { id, .. } => Some(id),
            EntryKind::Log { line, .. } => line.request_id.as_ref(),
            EntryKind::Call(called) => match &called.origin {
                CallOrigin::During(id) | CallOrigin::After(id) | CallOrigin::Likely(id) => Some(id),
                CallOrigin::Start | CallOrigin::Unknown | CallOrigin::Console => None,
            },
            EntryKind::Operation(done) => Some(&done.gateway),
            EntryKind::Opened { .. } | EntryKind::Closed(_) | EntryKind::Client(_) => None,
        }
    }

    pub(crate) fn show(&self) -> Value {
        let mut shown = match &self.kind {
            EntryKind::Begun {
                id,
                gateway,
                function,
                event,
            } => json!({
                "k": "begun", "id": id, "gw": gateway, "function": function,
                "event": text(&event[..event.len().min(SHOWN)]), "bytes": event.len(),
            }),
            EntryKind::Started {
                id,
                environment,
                trace,
                init,
            } => json!({
                "k": "started", "id": id, "env": environment, "trace": trace, "init": init.map(millis),
            }),
            EntryKind::Ended {
                id,
                duration,
                result,
                calls,
            } => {
                let response = result.as_ref().ok();
                let shown = response.map(|bytes| text(&bytes[..bytes.len().min(SHOWN)]));
                json!({
                    "k": "ended", "id": id, "ms": millis(*duration),
                    "response": shown, "bytes": response.map(Bytes::len),
                    "error": result.as_ref().err(), "calls": calls.made, "untold": calls.unlogged,
                })
            }
            EntryKind::Log { function, line } => json!({
                "k": "log", "id": line.request_id, "function": function, "env": line.environment,
                "stream": match line.stream {
                    Stream::Stdout => "stdout",
                    Stream::Stderr => "stderr",
                    Stream::Platform => "platform",
                },
                "text": line.text,
            }),
            EntryKind::Call(called) => called.show(),
            EntryKind::Operation(done) | EntryKind::Closed(done) => done.show(),
            EntryKind::Client(shown) => shown.clone(),
            EntryKind::Opened { snapshot, port } => json!({
                "k": "opened", "connection": snapshot.id.as_str(),
                "connectedAt": snapshot.connected_at.millis(),
                "sourceIp": snapshot.source_ip, "userAgent": snapshot.user_agent, "port": port,
            }),
        };
        if let Value::Object(shown) = &mut shown {
            shown.insert("at".to_owned(), self.at.millis().into());
        }
        shown
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Converts a duration to ms, with us precision.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
