//! The X-Ray trace that an event belongs to.
//!
//! It follows the tokio task, so several events can run in one process at once. The environment variable
//! `_X_AMZN_TRACE_ID` has one value for all of them.

use http::HeaderValue;
use std::future::Future;
use tracing::Instrument;

/// The header that passes a trace to another service.
#[cfg(feature = "sdk")]
pub(crate) const HEADER: http::HeaderName = http::HeaderName::from_static("x-amzn-trace-id");

tokio::task_local! {
    static CURRENT: EventTrace;
}

/// The trace of an event.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventTrace {
    /// `Root=..;Parent=..;Sampled=..;Lineage=..`
    header: Option<HeaderValue>,
    /// Whether the event is a task.
    is_task: bool,
}

impl EventTrace {
    /// The trace of an event, from the header `Lambda-Runtime-Trace-Id` of its invocation. A value that cannot be a
    /// header is ignored.
    pub(crate) fn new(trace_id: Option<&str>, is_task: bool) -> Self {
        let header = trace_id.and_then(|id| HeaderValue::from_str(id).ok());
        Self { header, is_task }
    }

    /// The trace of the current event. It is empty outside of events.
    fn current() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_default()
    }

    /// Runs `work` as a part of this trace.
    pub(crate) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }
}

/// Makes `work`, which is about to be spawned, a part of the current traces and of the current log span.
pub(crate) fn carried<T>(
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Send + 'static {
    let work = work.in_current_span();
    #[cfg(feature = "otel")]
    let work = opentelemetry::context::FutureExt::with_current_context(work);
    CURRENT.scope(EventTrace::current(), work)
}

/// Calls `read` with the value of [`HEADER`] for calls to other services, unless there is none.
#[cfg(feature = "sdk")]
pub(crate) fn with_header(read: impl FnOnce(&HeaderValue)) {
    let _ = CURRENT.try_with(|trace| trace.header.as_ref().map(read));
}

/// Runs `queue`, which queues the first task of a chain.
///
/// Lambda counts in `Lineage` how often a function has invoked itself, and ends the chain after 16 invocations. In a
/// task the work of a first task is new, such as the sweep after a sweep. So it starts a new count in the same trace.
pub(crate) async fn first_task<T>(queue: impl Future<Output = T>) -> T {
    let mut trace = EventTrace::current();
    if !trace.is_task {
        return queue.await;
    }
    trace.header = trace.header.as_ref().and_then(without_lineage);
    trace.scope(queue).await
}

/// A trace without its count of invocations.
fn without_lineage(trace: &HeaderValue) -> Option<HeaderValue> {
    let fields = trace.to_str().ok()?.split(';');
    let fields: Vec<_> = fields
        .filter(|field| !field.trim_start().starts_with("Lineage="))
        .collect();
    HeaderValue::from_str(&fields.join(";")).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A value of the header, as Lambda sends it.
    pub(crate) const TRACE: &str = "Root=1-65d2ff2e-718990494fd688f062bf1571;Parent=53995c3f42cd8ad8;Sampled=1;\
                                    Lineage=1:a87bd80c:3";

    fn current() -> Option<String> {
        let header = EventTrace::current().header?;
        Some(header.to_str().expect("text").to_owned())
    }

    #[tokio::test]
    async fn events_that_run_at_once_keep_their_own_traces() {
        let one = |name: &'static str| {
            EventTrace::new(Some(name), false).scope(async move {
                for _ in 0..3 {
                    assert_eq!(current().as_deref(), Some(name));
                    tokio::task::yield_now().await;
                }
                tokio::spawn(carried(async { current() })).await
            })
        };
        let (a, b) = tokio::join!(one("Root=a"), one("Root=b"));
        assert_eq!(a.expect("an end").as_deref(), Some("Root=a"));
        assert_eq!(b.expect("an end").as_deref(), Some("Root=b"));
        assert_eq!(current(), None);
    }

    #[tokio::test]
    async fn a_value_that_would_end_the_header_is_ignored() {
        let trace = EventTrace::new(Some("Root=1\r\nhost: other"), false);
        assert_eq!(trace.scope(async { current() }).await, None);
    }

    #[tokio::test]
    async fn a_new_chain_of_tasks_starts_a_new_count_in_the_same_trace() {
        let queued = async |is_task| {
            let trace = EventTrace::new(Some(TRACE), is_task);
            trace.scope(first_task(async { current() })).await
        };
        assert_eq!(queued(false).await.as_deref(), Some(TRACE));
        let (kept, _) = TRACE.split_once(";Lineage").expect("a lineage");
        assert_eq!(queued(true).await.as_deref(), Some(kept));
    }
}
