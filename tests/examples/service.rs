//! A function in one of four forms, by its argument:
//!
//! - `layers`: on the runtime of `lambda_runtime`, with its layers and one of this program
//! - `otel`: on the runtime of `lambda_runtime`, with its layer for OpenTelemetry; each span is a line of the output
//! - `hook FILE`: on the loop of `lambda_ws`, with a shutdown hook that writes the file
//! - `sleep`: on the loop of `lambda_ws`, with connections in memory
//!
//! It answers a message with the most events that it has handled at once so far. Each takes 20 ms.

use lambda_runtime::layers::{OpenTelemetryFaasTrigger, OpenTelemetryLayer, TracingLayer};
use lambda_runtime::tower::util::MapRequestLayer;
use lambda_runtime::{LambdaInvocation, Runtime};
use lambda_ws::store::Memory;
use lambda_ws::transport::{Inspection, Transport};
use lambda_ws::{App, ConnectionId, Error, Payload, Router, SendError};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::sleep;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The time that a handler waits for input or output.
const WAIT: Duration = Duration::from_millis(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = App::new(router());
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("layers") => {
            let service = app.into_service().await?;
            let mark = MapRequestLayer::new(|invocation: LambdaInvocation| {
                println!("layer: {}", invocation.context.request_id);
                invocation
            });
            Runtime::new(service)
                .layer(TracingLayer::new())
                .layer(mark)
                .run()
                .await?;
            Ok(())
        }
        Some("otel") => {
            let spans = SdkTracerProvider::builder()
                .with_batch_exporter(Lines)
                .build();
            let tracer = spans.tracer("service");
            let layer = tracing_opentelemetry::layer().with_tracer(tracer);
            tracing_subscriber::registry().with(layer).init();
            let flush = move || {
                if let Err(error) = spans.force_flush() {
                    eprintln!("the spans are not written: {error}");
                }
            };
            let layer = OpenTelemetryLayer::new(flush);
            Runtime::new(app.into_service().await?)
                .layer(layer.with_trigger(OpenTelemetryFaasTrigger::PubSub))
                .run()
                .await?;
            Ok(())
        }
        Some("hook") => {
            let file = args.next().ok_or("a file is expected")?;
            let hook = async move || {
                sleep(WAIT).await;
                if let Err(error) = std::fs::write(&file, "the end") {
                    eprintln!("{file}: {error}");
                }
            };
            app.on_shutdown(hook).run().await
        }
        _ => app.store(Memory::new()).transport(Nowhere).run().await,
    }
}

fn router() -> Router {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    Router::new().fallback(move || {
        let (running, most) = (running.clone(), most.clone());
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(WAIT).await;
            running.fetch_sub(1, Ordering::SeqCst);
            most.load(Ordering::SeqCst).to_string()
        }
    })
}

/// Sends nothing.
struct Nowhere;

impl Transport for Nowhere {
    async fn post(&self, _: &ConnectionId, _: &Payload) -> Result<(), SendError> {
        Ok(())
    }

    async fn close(&self, _: &ConnectionId) -> Result<(), SendError> {
        Ok(())
    }

    async fn inspect(&self, _: &ConnectionId) -> Result<Inspection, SendError> {
        Ok(Inspection::default())
    }

    fn url(&self) -> &str {
        "nowhere:"
    }
}

/// Prints each span that has ended as a line of JSON.
#[derive(Debug)]
struct Lines;

impl SpanExporter for Lines {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        for span in batch {
            let attributes = span.attributes.iter();
            let attributes: Map<String, Value> = attributes
                .map(|one| (one.key.to_string(), one.value.to_string().into()))
                .collect();
            let line = json!({
                "name": span.name,
                "id": span.span_context.span_id().to_string(),
                "parent": span.parent_span_id.to_string(),
                "attributes": attributes,
            });
            println!("span: {line}");
        }
        Ok(())
    }
}
