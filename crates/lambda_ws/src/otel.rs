//! Traces of events for OpenTelemetry.
//!
//! [`Otel`] makes spans of a program's events and sends them to a collector with OTLP over HTTP. The guide's chapter
//! [Tracing](crate::guide::tracing) contains the spans, their parents and their attributes.

mod export;
mod ids;
mod parent;
mod sampler;
mod span;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use parent::Carrier;
pub(crate) use span::{Child, EventSpan, post, traceparent};

use crate::error::Error;
use export::Exporter;
use ids::Ids;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{
    filter::{DynFilterFn, LevelFilter},
    layer::Layer,
    registry::LookupSpan,
};

pub(crate) use sampler::sampler;

/// Traces the events of a program for OpenTelemetry; cheap to clone.
///
/// ```no_run
/// use lambda_ws::otel::Otel;
/// use lambda_ws::{App, Error, Router};
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Error> {
///     let router = Router::new().fallback(async || "hello");
///     App::new(router).otel(Otel::from_env()?).run().await
/// }
/// ```
///
/// Spans leave before the response of their event, because Lambda freezes the program afterwards. This takes at most
/// one second. If it fails, the error is logged once, and nothing is sampled for a minute. An event that is not sampled
/// makes no spans and no requests.
#[derive(Debug, Clone)]
pub struct Otel(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sampler: Sampler,
    tracer: SdkTracer,
    exporter: Exporter,
    /// Whether the program has begun its first event.
    is_warm: AtomicBool,
    /// A tracer does not keep its provider.
    _provider: SdkTracerProvider,
}

/// What [`Otel`] does.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// The sampler of events without a sampled parent, and of their traces.
    pub(crate) sampler: Option<Sampler>,
    /// The URL of the collector, without `/v1/traces`. Otherwise the exporter reads it from the environment.
    pub(crate) endpoint: Option<String>,
    /// The attributes of the program.
    pub(crate) attributes: Vec<KeyValue>,
    /// The name of the program, if `OTEL_SERVICE_NAME` is not set.
    pub(crate) service_name: Option<String>,
}

impl Otel {
    /// # Errors
    ///
    /// If the environment of the exporter is not valid, such as the URL of the collector.
    pub(crate) fn new(settings: Settings) -> Result<Self, Error> {
        let mut resource = Resource::builder().with_attributes(settings.attributes);
        if let Some(name) = settings.service_name {
            resource = resource.with_service_name(name);
        }
        let resource = resource.build();
        let (exporter, buffer) = Exporter::new(settings.endpoint, &resource)?;
        let provider = SdkTracerProvider::builder()
            // The decision is made before a span is built.
            .with_sampler(Sampler::AlwaysOn)
            .with_id_generator(Ids)
            .with_span_processor(buffer)
            .with_resource(resource)
            .build();
        let default = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
        Ok(Self(Arc::new(Inner {
            sampler: settings.sampler.unwrap_or(default),
            tracer: provider.tracer("lambda_ws"),
            exporter,
            is_warm: AtomicBool::new(false),
            _provider: provider,
        })))
    }

    /// A layer that exports the program's own `tracing` spans of level INFO and above, as parts of the event's span.
    /// Add it to a subscriber that the program sets up itself. [`App::run`](crate::App::run) adds it to its own.
    ///
    /// A global filter of the subscriber also limits this layer. Log lines and the spans of this library's log lines are
    /// not exported.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), lambda_ws::Error> {
    /// use lambda_ws::otel::Otel;
    /// use tracing_subscriber::filter::LevelFilter;
    /// use tracing_subscriber::prelude::*;
    ///
    /// let otel = Otel::from_env()?;
    /// let lines = tracing_subscriber::fmt::layer().with_filter(LevelFilter::INFO);
    /// tracing_subscriber::registry().with(otel.layer()).with(lines).init();
    /// # Ok(())
    /// # }
    /// ```
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let filter = DynFilterFn::new(|metadata, _| is_own_span(metadata) && is_sampled())
            .with_callsite_filter(|metadata| match is_own_span(metadata) {
                true => Interest::sometimes(),
                false => Interest::never(),
            })
            .with_max_level_hint(LevelFilter::INFO);
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer.clone())
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter)
    }

    /// Sends the spans that have ended, before the deadline of the event. It returns at once if there are none.
    pub(crate) async fn flush(&self, deadline: Option<Instant>) {
        self.0.exporter.flush(deadline).await;
    }

    /// Whether this is the first event of the program.
    fn is_cold_start(&self) -> bool {
        !self.0.is_warm.swap(true, Ordering::Relaxed)
    }
}

/// Whether `metadata` describes a span of the program, and not of this library's log lines.
fn is_own_span(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_ours = target == "lambda_ws" || target.starts_with("lambda_ws::");
    metadata.is_span() && *metadata.level() <= tracing::Level::INFO && !is_ours
}

/// Whether the current event is sampled.
fn is_sampled() -> bool {
    Context::map_current(|context| context.span().span_context().is_sampled())
}
