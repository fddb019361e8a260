//! The X-Ray trace of an invocation.

use super::id::hex;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::future::Future;
use std::time::{SystemTime, UNIX_EPOCH};

/// The header that passes a trace to another service.
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

tokio::task_local! {
    static CALLER: Option<HeaderValue>;
}

/// The trace of a caller.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallerTrace(Option<HeaderValue>);

impl CallerTrace {
    /// The trace that the caller of a request passes, if any.
    pub(crate) fn of_request(headers: &HeaderMap) -> Self {
        let trace = headers.get(TRACE_ID);
        // Another value is not a trace. Lambda starts a new one.
        let is_trace = |trace: &&HeaderValue| trace.as_bytes().starts_with(b"Root=");
        Self(trace.filter(is_trace).cloned())
    }

    /// Runs `work`. The functions that it invokes continue this trace.
    pub(crate) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CALLER.scope(self.0, work)
    }
}

/// The trace of an invocation: that of its caller, or a new one.
pub(crate) fn trace() -> HeaderValue {
    let caller = CALLER.try_with(Clone::clone).ok().flatten();
    caller.unwrap_or_else(new_trace)
}

fn new_trace() -> HeaderValue {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut trace = String::with_capacity(74);
    trace.push_str("Root=1-");
    hex(&mut trace, now.unwrap_or_default().as_secs(), 8);
    trace.push('-');
    hex(&mut trace, fastrand::u64(..), 8);
    hex(&mut trace, fastrand::u64(..), 16);
    trace.push_str(";Parent=");
    hex(&mut trace, fastrand::u64(..), 16);
    trace.push_str(";Sampled=0");
    HeaderValue::from_str(&trace).expect("hex digits and ASCII names")
}
