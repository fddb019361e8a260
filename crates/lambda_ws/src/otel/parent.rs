//! The parent of an event's span.

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use serde::Deserialize;
use std::borrow::Cow;

/// The name of a header, a query parameter and a member of a message.
const TRACEPARENT: &str = "traceparent";

/// The part of an event that may name a parent (W3C Trace Context).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Carrier<'a> {
    /// None of it.
    None,
    /// The header or the query parameter `traceparent` of a handshake. A page cannot set headers.
    Handshake(&'a HeaderMap, &'a str),
    /// The member `traceparent` of a message that is a JSON object.
    Message(&'a str),
    /// The text itself.
    Text(&'a str),
}

/// The parent of an event's span.
#[derive(Debug, Default)]
pub(super) struct Parent {
    /// The span of another program.
    pub(super) context: Option<Context>,
    /// The trace of a span without a parent.
    pub(super) trace: Option<TraceId>,
}

impl Parent {
    /// Returns the W3C parent in `carrier`, or else the X-Ray parent. An X-Ray trace that is not sampled has no span that
    /// could be a parent: only its id is used.
    pub(super) fn find(carrier: Carrier<'_>, xray: Option<&str>) -> Self {
        if let Some(context) = carrier.parent() {
            return Self {
                context: Some(context),
                trace: None,
            };
        }
        xray.map(Self::xray).unwrap_or_default()
    }

    fn xray(header: &str) -> Self {
        let (mut trace, mut parent, mut is_sampled) = (None, None, false);
        for field in header.split(';') {
            match field.trim_ascii().split_once('=') {
                Some(("Root", root)) => trace = xray_root(root),
                Some(("Parent", id)) => parent = Some(id),
                Some(("Sampled", sampled)) => is_sampled = sampled == "1",
                _ => {}
            }
        }
        let parent = parent.filter(|_| is_sampled);
        let context = match (trace, parent.and_then(|id| number(id, 16))) {
            (Some(trace), Some(parent)) => {
                let (flags, state) = (TraceFlags::SAMPLED, TraceState::NONE);
                // 16 digits are 64 bits.
                let parent = SpanId::from(parent as u64);
                let parent = SpanContext::new(trace, parent, flags, true, state);
                Some(Context::new().with_remote_span_context(parent))
            }
            _ => None,
        };
        Self { context, trace }
    }
}

/// Reads `1-{8 hex digits}-{24 hex digits}`, which are a W3C trace id without the dashes.
fn xray_root(root: &str) -> Option<TraceId> {
    let (seconds, rest) = root.strip_prefix("1-")?.split_once('-')?;
    let trace = number(seconds, 8)? << 96 | number(rest, 24)?;
    Some(TraceId::from(trace))
}

/// Reads a number other than 0 of so many hex digits.
fn number(text: &str, digits: usize) -> Option<u128> {
    if text.len() != digits {
        return None;
    }
    let mut number = 0;
    for byte in text.bytes() {
        number = number << 4 | u128::from(char::from(byte).to_digit(16)?);
    }
    (number != 0).then_some(number)
}

impl Carrier<'_> {
    fn parent(self) -> Option<Context> {
        let text = self.text()?;
        let propagator = TraceContextPropagator::new();
        let context = propagator.extract_with_context(&Context::new(), &One(&text));
        context.has_active_span().then_some(context)
    }

    fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::None => None,
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Handshake(headers, query) => {
                if let Some(value) = headers.get(TRACEPARENT) {
                    return value.to_str().ok().map(Cow::Borrowed);
                }
                // The value of a parent has no characters that are encoded.
                let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                let value = pairs.find_map(|(name, value)| (name == TRACEPARENT).then_some(value));
                value.map(Cow::Borrowed)
            }
            Self::Message(body) => {
                #[derive(Deserialize)]
                struct Traced<'a> {
                    #[serde(borrow)]
                    traceparent: Option<Cow<'a, str>>,
                }

                // Most messages have none, and are not parsed.
                if !body.contains("\"traceparent\"") {
                    return None;
                }
                serde_json::from_str::<Traced<'_>>(body).ok()?.traceparent
            }
        }
    }
}

/// A carrier that has a parent only.
struct One<'a>(&'a str);

impl Extractor for One<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}
