//! What a feed keeps, and how a page reads it.

use super::running::Session;
use crate::function::{LogLine, Stream};
use crate::gateway::{Observed, Outcome, Snapshot, What};
use bytes::Bytes;
use lambda_ws_protocol::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How much of an event or a response a page is shown, in bytes: all of what a message can be.
const SHOWN: usize = 256 * 1024;

/// How much of a call's request and response is kept, in bytes.
const KEPT: usize = 16 * 1024;

/// One thing that happened.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: Timestamp,
    pub(super) happened: Happened,
}

#[derive(Debug)]
pub(super) enum Happened {
    Begun {
        id: Arc<str>,
        gateway: Option<Arc<str>>,
        function: Box<str>,
        event: Bytes,
    },
    Started {
        id: Arc<str>,
        environment: u64,
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
    Called(Box<Called>),
    Observed(Box<Done>),
    Opened {
        snapshot: Box<Snapshot>,
        port: u16,
    },
    Closed(Box<Done>),
    Client(Value),
}

/// What the gateway has done.
#[derive(Debug)]
pub(super) struct Done {
    what: What,
    route: Box<str>,
    connection: Box<str>,
    /// The request id of the gateway.
    pub(super) gateway: Arc<str>,
    outcome: Outcome,
    detail: Option<String>,
    duration: Duration,
}

/// How many calls an event has made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Calls {
    pub(super) made: u32,
    /// How many of them are not told one by one.
    pub(super) untold: u32,
}

/// Whose a call is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Of the process that works on this event.
    During(Arc<str>),
    /// Of the process that has answered this event, and no other since.
    After(Arc<str>),
    /// Of a process that has had no event yet.
    Start,
    /// Of somebody, while this event alone is under way.
    Likely(Arc<str>),
    /// Of somebody.
    Unknown,
    /// Of the console.
    Console,
}

/// A call of the management API, DynamoDB or Lambda, as it is told: most calls are not kept.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The service, such as `dynamodb`.
    pub(crate) service: &'static str,
    /// What it is asked to do.
    pub(crate) action: &'a str,
    /// The connection, or the function.
    pub(crate) target: &'a str,
    pub(crate) status: u16,
    pub(crate) duration: Duration,
    pub(crate) request: Bytes,
    pub(crate) response: Bytes,
    /// Why, if there is more to say.
    pub(crate) detail: Option<String>,
}

/// A call, as it is kept.
#[derive(Debug)]
pub(super) struct Called {
    origin: Origin,
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

impl Called {
    pub(super) fn new(origin: Origin, session: Option<Session<'_>>, call: Call<'_>) -> Called {
        // A slice would keep all of it, and the whole buffer that it was read into.
        let kept = |body: &Bytes| Bytes::copy_from_slice(&body[..body.len().min(KEPT)]);
        Called {
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
            detail: call.detail,
        }
    }

    fn show(&self) -> Value {
        let (origin, id) = match &self.origin {
            Origin::During(id) => ("during", Some(id)),
            Origin::After(id) => ("after", Some(id)),
            Origin::Start => ("start", None),
            Origin::Likely(id) => ("likely", Some(id)),
            Origin::Unknown => ("unknown", None),
            Origin::Console => ("console", None),
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

impl Happened {
    pub(super) fn observed(observed: &Observed<'_>) -> Happened {
        let done = Box::new(Done {
            what: observed.what,
            route: observed.route.into(),
            connection: observed.connection_id.into(),
            gateway: observed.request_id.into(),
            outcome: observed.outcome,
            detail: observed.detail.map(|detail| detail.to_string()),
            duration: observed.duration,
        });
        match observed.what {
            What::Close => Happened::Closed(done),
            _ => Happened::Observed(done),
        }
    }
}

impl Done {
    fn show(&self) -> Value {
        let what = match self.what {
            What::Connect => "connect",
            What::Authorize => "authorize",
            What::Message => "message",
            What::Disconnect => "disconnect",
            What::Close => "close",
            What::Post => "post",
            What::Inspect => "inspect",
            What::Delete => "delete",
        };
        json!({
            "k": if self.what == What::Close { "closed" } else { "done" },
            "what": what, "route": self.route, "connection": self.connection, "gw": self.gateway,
            "outcome": self.outcome.to_string(), "good": self.outcome.is_good(), "detail": self.detail,
            "ms": millis(self.duration),
        })
    }
}

impl Entry {
    /// About how many bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        const SMALL: usize = 256;
        SMALL
            + match &self.happened {
                Happened::Begun { event, .. } => event.len(),
                Happened::Ended { result, .. } => result.as_ref().map_or(0, Bytes::len),
                Happened::Log { line, .. } => line.text.len(),
                Happened::Called(called) => called.request.len() + called.response.len(),
                Happened::Client(told) => match told {
                    Value::String(text) => text.len(),
                    told => told["text"].as_str().map_or(0, str::len),
                },
                Happened::Started { .. }
                | Happened::Observed(_)
                | Happened::Opened { .. }
                | Happened::Closed(_) => 0,
            }
    }

    /// The invocation it belongs to, by the function's or by the gateway's request id.
    pub(super) fn invocation(&self) -> Option<&Arc<str>> {
        match &self.happened {
            Happened::Begun { id, .. }
            | Happened::Started { id, .. }
            | Happened::Ended { id, .. } => Some(id),
            Happened::Log { line, .. } => line.request_id.as_ref(),
            Happened::Called(called) => match &called.origin {
                Origin::During(id) | Origin::After(id) | Origin::Likely(id) => Some(id),
                Origin::Start | Origin::Unknown | Origin::Console => None,
            },
            Happened::Observed(done) => Some(&done.gateway),
            Happened::Opened { .. } | Happened::Closed(_) | Happened::Client(_) => None,
        }
    }

    /// As a page reads it.
    pub(super) fn show(&self) -> Value {
        let mut shown = match &self.happened {
            Happened::Begun {
                id,
                gateway,
                function,
                event,
            } => json!({
                "k": "begun", "id": id, "gw": gateway, "function": function,
                "event": text(&event[..event.len().min(SHOWN)]), "bytes": event.len(),
            }),
            Happened::Started {
                id,
                environment,
                init,
            } => json!({
                "k": "started", "id": id, "env": environment, "init": init.map(millis),
            }),
            Happened::Ended {
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
                    "error": result.as_ref().err(), "calls": calls.made, "untold": calls.untold,
                })
            }
            Happened::Log { function, line } => json!({
                "k": "log", "id": line.request_id, "function": function, "env": line.environment,
                "stream": match line.stream {
                    Stream::Stdout => "stdout",
                    Stream::Stderr => "stderr",
                    Stream::Platform => "platform",
                },
                "text": line.text,
            }),
            Happened::Called(called) => called.show(),
            Happened::Observed(done) | Happened::Closed(done) => done.show(),
            Happened::Client(told) => told.clone(),
            Happened::Opened { snapshot, port } => json!({
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

/// In ms, with the us.
pub(super) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
