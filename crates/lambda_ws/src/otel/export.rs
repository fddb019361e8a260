//! The way of spans to a collector.

use crate::error::{BoxError, Error};
use crate::https::{self, Https};
use crate::sync::lock;
use crate::tls::Tls;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use opentelemetry::Context;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter as _, SpanProcessor};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

/// How long an event waits for the collector.
const FLUSH: Duration = Duration::from_secs(1);

/// How long it waits after the deadline of its work, which leaves time for the response.
const LEAST: Duration = Duration::from_millis(100);

/// How long nothing is sampled after the collector failed.
const PAUSE: Duration = Duration::from_secs(60);

/// The most spans that wait for the end of their event.
const SPANS: usize = 2048;

/// The largest answer that is read, in bytes.
const ANSWER: usize = 64 * 1024;

/// Sends spans to a collector.
#[derive(Debug)]
pub(super) struct Exporter {
    buffer: Buffer,
    /// One request at a time.
    otlp: tokio::sync::Mutex<SpanExporter>,
    paused_until: Mutex<Option<Instant>>,
}

/// The spans that have ended and are not sent yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffer(Arc<Mutex<Vec<SpanData>>>);

impl Exporter {
    /// The exporter, and what it gets the spans from.
    ///
    /// # Errors
    ///
    /// If the environment of the exporter is not valid.
    pub(super) fn new(
        endpoint: Option<String>,
        resource: &Resource,
    ) -> Result<(Self, Buffer), Error> {
        let mut otlp = SpanExporter::builder()
            .with_http()
            .with_http_client(Client(https::client(Tls::process())))
            // Between attempts it would block the thread.
            .with_retry_policy(RetryPolicy::disabled())
            .with_timeout(FLUSH);
        if let Some(endpoint) = endpoint {
            otlp = otlp.with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')));
        }
        let mut otlp = otlp.build().map_err(|error| {
            format!(
                "the OTLP exporter cannot start: {error}; fix: check the variables OTEL_EXPORTER_OTLP_*, of which \
                 OTEL_EXPORTER_OTLP_ENDPOINT is a URL such as http://localhost:4318"
            )
        })?;
        otlp.set_resource(resource);
        let buffer = Buffer::default();
        let exporter = Self {
            buffer: buffer.clone(),
            otlp: tokio::sync::Mutex::new(otlp),
            paused_until: Mutex::default(),
        };
        Ok((exporter, buffer))
    }

    /// Whether the collector has failed a short time ago.
    pub(super) fn is_paused(&self) -> bool {
        lock(&self.paused_until).is_some_and(|until| Instant::now() < until)
    }

    /// Sends the spans that have ended.
    pub(super) async fn flush(&self, deadline: Option<Instant>) {
        if lock(&self.buffer.0).is_empty() {
            return;
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let patience = left.map_or(FLUSH, |left| left.clamp(LEAST, FLUSH));
        let sending = async {
            let otlp = self.otlp.lock().await;
            let spans = std::mem::take(&mut *lock(&self.buffer.0));
            match spans.is_empty() {
                true => Ok(()),
                false => otlp.export(spans).await.map_err(BoxError::from),
            }
        };
        let sent = match timeout(patience, sending).await {
            Ok(sent) => sent,
            Err(_) => Err(format!("no answer within {patience:?}").into()),
        };
        let mut paused_until = lock(&self.paused_until);
        match sent {
            Ok(()) => {
                if paused_until.take().is_some() {
                    info!("traces are exported again");
                }
            }
            Err(error) => {
                // Spans that have ended meanwhile would cost the next event as much time.
                lock(&self.buffer.0).clear();
                if paused_until.replace(Instant::now() + PAUSE).is_none() {
                    warn!(
                        error = &*error,
                        "traces cannot be exported: nothing is sampled for {PAUSE:?}; fix: check \
                         OTEL_EXPORTER_OTLP_ENDPOINT and that a collector answers there"
                    );
                }
            }
        }
    }
}

impl SpanProcessor for Buffer {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut spans = lock(&self.0);
        if spans.len() < SPANS {
            spans.push(span);
        }
    }

    /// Does nothing: [`Exporter::flush`] is asynchronous.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The HTTP client of this library.
#[derive(Debug)]
struct Client(Https);

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let response = self.0.request(request.map(Full::new)).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}
