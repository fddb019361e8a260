//! The ids of traces and spans.

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;
use std::cell::Cell;

thread_local! {
    static TRACE: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// Makes ids from random numbers of the operating system. The generator of the SDK repeats its ids in all programs that
/// Lambda restores from one snapshot (SnapStart).
#[derive(Debug)]
pub(super) struct Ids;

impl Ids {
    /// Runs `build`, which builds a span without a parent, as the root of `trace`.
    pub(super) fn root<T>(trace: TraceId, build: impl FnOnce() -> T) -> T {
        TRACE.set(Some(trace));
        let built = build();
        TRACE.set(None);
        built
    }
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        TRACE.take().unwrap_or_else(random_trace)
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(random())
    }
}

pub(super) fn random_trace() -> TraceId {
    TraceId::from(u128::from(random()) << 64 | u128::from(random()))
}

/// A number that is never 0, which is not a valid id.
fn random() -> u64 {
    getrandom::u64()
        .unwrap_or_else(|_| fastrand::u64(..))
        .max(1)
}
