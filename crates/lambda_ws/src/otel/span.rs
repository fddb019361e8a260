//! The spans of an event.

use super::ids::{Ids, random_trace};
use super::parent::{Carrier, Parent};
use super::{Inner, Otel};
use crate::ConnectionId;
use crate::error::SendError;
use futures_util::future::Either;
use opentelemetry::context::FutureExt;
use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, TraceFlags, TraceState,
    Tracer,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SdkTracer, ShouldSample};
use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// The most posts with spans of their own, of a broadcast and of an event's other messages.
const POSTS: usize = 8;

/// A post that takes longer has a span of its own.
const SLOW: Duration = Duration::from_millis(500);

/// A sampled event, in the OpenTelemetry context of its work.
#[derive(Clone)]
struct Sampled {
    tracer: SdkTracer,
    /// How many posts have spans of their own.
    posts: Arc<AtomicUsize>,
    is_broadcast: bool,
}

/// The span of an event. If the event is not sampled, it is empty or only the parent, which tasks inherit.
#[derive(Debug)]
pub(crate) struct EventSpan(Option<Context>);

impl Otel {
    /// Begins the span of an event, if the event is sampled. `describe` returns its name, kind and attributes.
    pub(crate) fn begin(
        &self,
        carrier: Carrier<'_>,
        xray: Option<&str>,
        describe: impl FnOnce() -> (Cow<'static, str>, SpanKind, Vec<KeyValue>),
    ) -> EventSpan {
        let is_cold_start = self.is_cold_start();
        let Inner {
            sampler,
            tracer,
            exporter,
            ..
        } = &*self.0;
        if matches!(sampler, Sampler::AlwaysOff) || exporter.is_paused() {
            return EventSpan(None);
        }
        let Parent { context, trace } = Parent::find(carrier, xray);
        let trace = match &context {
            Some(context) => context.span().span_context().trace_id(),
            None => trace.unwrap_or_else(random_trace),
        };
        let kind = SpanKind::Server;
        let sampled = sampler.should_sample(context.as_ref(), trace, "event", &kind, &[], &[]);
        if sampled.decision != SamplingDecision::RecordAndSample {
            return EventSpan(context.map(|context| unsampled(&context)));
        }
        let (name, kind, mut attributes) = describe();
        attributes.push(KeyValue::new("faas.coldstart", is_cold_start));
        if let Some(xray) = xray.and_then(|xray| xray.split(';').next()) {
            let root = xray.trim_start_matches("Root=").to_owned();
            attributes.push(KeyValue::new("aws.xray.trace_id", root));
        }
        let builder = SpanBuilder::from_name(name)
            .with_kind(kind)
            .with_attributes(attributes);
        let parent = context.unwrap_or_default();
        let span = Ids::root(trace, || tracer.build_with_context(builder, &parent));
        let sampled = Sampled {
            tracer: tracer.clone(),
            posts: Arc::default(),
            is_broadcast: false,
        };
        EventSpan(Some(parent.with_span(span).with_value(sampled)))
    }
}

impl EventSpan {
    /// Runs the work of the event in its span, if there is one. Only then is the work boxed.
    pub(crate) fn run<F: Future>(
        span: Option<&Self>,
        work: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        match span.and_then(|span| span.0.clone()) {
            Some(context) => Either::Left(Box::pin(work.with_context(context))),
            None => Either::Right(work),
        }
    }

    /// Ends it. Background work of the event may continue.
    pub(crate) fn end(self, status: Option<u16>, error: Option<&'static str>) {
        let Some(context) = self.0 else {
            return;
        };
        let span = context.span();
        if let Some(status) = status {
            span.set_attribute(KeyValue::new(
                "http.response.status_code",
                i64::from(status),
            ));
        }
        if let Some(error) = error {
            span.set_attribute(KeyValue::new("error.type", error));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// A part of a sampled event with a span of its own.
pub(crate) struct Child(Context);

impl Child {
    /// Begins the span of a broadcast, if the current event is sampled.
    pub(crate) fn broadcast(
        name: impl FnOnce() -> Cow<'static, str>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Option<Self> {
        let (parent, sampled) = current()?;
        let builder = SpanBuilder::from_name(name())
            .with_kind(SpanKind::Producer)
            .with_attributes(attributes());
        let span = sampled.tracer.build_with_context(builder, &parent);
        let sampled = Sampled {
            posts: Arc::default(),
            is_broadcast: true,
            ..sampled
        };
        Some(Self(parent.with_span(span).with_value(sampled)))
    }

    /// Runs the work of this part.
    pub(crate) fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.with_context(self.0.clone())
    }

    /// Adds a number.
    pub(crate) fn count(&self, name: &'static str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.0.span().set_attribute(KeyValue::new(name, count));
    }

    /// Ends it.
    pub(crate) fn end(self, error: Option<&SendError>) {
        let span = self.0.span();
        if let Some(error) = error {
            span.set_attribute(KeyValue::new("error.type", error_type(error)));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// Runs a post. It gets a span of its own, if the current event is sampled and the post is the first of its broadcast,
/// slow or failed. There are at most [`POSTS`] of these, because a broadcast may have a million recipients.
pub(crate) async fn post<F>(id: &ConnectionId, posting: F) -> Result<(), SendError>
where
    F: Future<Output = Result<(), SendError>>,
{
    if !Context::map_current(|context| context.get::<Sampled>().is_some()) {
        return posting.await;
    }
    let began = SystemTime::now();
    let outcome = posting.await;
    let ended = SystemTime::now();
    let took = ended.duration_since(began).unwrap_or_default();
    if let Some((parent, sampled)) = current() {
        let is_notable = outcome.is_err() || took >= SLOW || !sampled.is_broadcast;
        let another = |posts| (posts == 0 || is_notable && posts < POSTS).then_some(posts + 1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if sampled.posts.fetch_update(set, fetch, another).is_ok() {
            add_post(&parent, &sampled.tracer, id, &outcome, (began, ended));
        }
    }
    outcome
}

fn add_post(
    parent: &Context,
    tracer: &SdkTracer,
    id: &ConnectionId,
    outcome: &Result<(), SendError>,
    (began, ended): (SystemTime, SystemTime),
) {
    let mut attributes = vec![
        KeyValue::new("http.request.method", "POST"),
        KeyValue::new("url.template", "/@connections/{connectionId}"),
        KeyValue::new("lambda_ws.connection.id", id.as_str().to_owned()),
    ];
    let status = match outcome {
        Ok(()) => Some(200),
        Err(error) => status(error),
    };
    if let Some(status) = status {
        attributes.push(KeyValue::new(
            "http.response.status_code",
            i64::from(status),
        ));
    }
    if let Err(error) = outcome {
        attributes.push(KeyValue::new("error.type", error_type(error)));
    }
    let builder = SpanBuilder::from_name("POST /@connections/{connectionId}")
        .with_kind(SpanKind::Client)
        .with_start_time(began)
        .with_attributes(attributes);
    let mut span = tracer.build_with_context(builder, parent);
    if outcome.is_err() {
        span.set_status(Status::error(""));
    }
    span.end_with_timestamp(ended);
}

/// The parent of what the current event queues, as `traceparent` has it.
pub(crate) fn traceparent() -> Option<String> {
    Context::map_current(|context| {
        let span = context.span();
        let parent = span.span_context();
        let (trace, id, flags) = (parent.trace_id(), parent.span_id(), parent.trace_flags());
        let is_valid = parent.is_valid();
        is_valid.then(|| format!("00-{trace}-{id}-{:02x}", flags.to_u8()))
    })
}

/// The parent of an event that is not sampled. Its tasks are not sampled either.
fn unsampled(context: &Context) -> Context {
    let span = context.span();
    let parent = span.span_context();
    let (flags, state) = (TraceFlags::NOT_SAMPLED, TraceState::NONE);
    let parent = SpanContext::new(parent.trace_id(), parent.span_id(), flags, true, state);
    Context::new().with_remote_span_context(parent)
}

/// The current event, if it is sampled.
fn current() -> Option<(Context, Sampled)> {
    Context::map_current(|context| {
        let sampled = context.get::<Sampled>()?;
        Some((context.clone(), sampled.clone()))
    })
}

fn status(error: &SendError) -> Option<u16> {
    match error {
        SendError::Gone => Some(410),
        SendError::Throttled => Some(429),
        SendError::TooLarge => Some(413),
        SendError::Forbidden { .. } => Some(403),
        SendError::Refused { status, .. } => Some(*status),
        _ => None,
    }
}

/// The kind of an error. Its text may contain more than a trace may show.
fn error_type(error: &SendError) -> Value {
    Value::from(match error {
        SendError::Gone => "gone",
        SendError::Throttled => "throttled",
        SendError::TooLarge => "too_large",
        SendError::Forbidden { .. } => "forbidden",
        SendError::Refused { .. } => "refused",
        SendError::Unavailable(_) => "unavailable",
        SendError::Store(_) => "store",
        SendError::NotOpen => "not_open",
        SendError::OtherStage { .. } => "other_stage",
        SendError::Encode(_) => "encode",
        SendError::NoEndpoint => "no_endpoint",
        SendError::NotPublishable(_) => "not_publishable",
        SendError::NotAppended(_) => "not_appended",
        SendError::NotBroadcast { .. } => "not_broadcast",
    })
}
