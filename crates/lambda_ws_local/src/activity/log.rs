//! The activity log: the last entries, figures and permissions.

use super::attribution::Attribution;
use super::entry::{Call, CallEntry, CallOrigin, Entry, EntryKind};
use super::figures::Figures;
use super::permissions::{Permissions, needed};
use super::ring::{Read, Ring};
use super::{Observer, Operation, OperationKind, Snapshot};
use crate::lock::lock;
use crate::log_line::LogLine;
use crate::session_tokens::{Session, SessionTokens};
use bytes::Bytes;
use lambda_ws_protocol::Timestamp;
use serde_json::Value;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The number of entries per second that are kept without a reader: enough for a short history, and few enough for a
/// load test.
const UNREAD: usize = 500;

/// The last entries of the emulator's activity, with figures and permissions. Clones share the log.
///
/// It is bounded and drops the oldest entries. Writers never wait for readers.
#[derive(Clone)]
pub struct ActivityLog(Arc<Inner>);

struct Inner {
    sessions: SessionTokens,
    ring: Mutex<Ring>,
    attribution: Mutex<Attribution>,
    figures: Mutex<Figures>,
    permissions: Mutex<Permissions>,
    readers: AtomicUsize,
}

impl ActivityLog {
    /// Returns an empty log that attributes calls by these session tokens.
    pub fn new(sessions: SessionTokens) -> Self {
        Self(Arc::new(Inner {
            sessions,
            ring: Mutex::default(),
            attribution: Mutex::default(),
            figures: Mutex::default(),
            permissions: Mutex::default(),
            readers: AtomicUsize::new(0),
        }))
    }

    /// Returns the permissions that the calls of functions required: the resources by function and action, each with
    /// the number of calls.
    pub(crate) fn permissions(&self) -> Value {
        lock(&self.0.permissions).show()
    }

    pub(crate) fn console_called(&self, call: &Call<'_>) {
        self.keep(|| EntryKind::Call(Box::new(CallEntry::new(CallOrigin::Console, None, call))));
    }

    pub(crate) fn console_client(&self, shown: impl FnOnce() -> Value) {
        self.keep(|| EntryKind::Client(shown()));
    }

    /// Returns a reader. All entries are kept while there is one.
    pub(crate) fn reader(&self) -> Reader {
        self.0.readers.fetch_add(1, Ordering::Relaxed);
        Reader(self.0.clone())
    }

    fn keep(&self, kind: impl FnOnce() -> EntryKind) {
        let at = now();
        let is_read = self.0.readers.load(Ordering::Relaxed) > 0;
        let mut ring = lock(&self.0.ring);
        if is_read || ring.is_calm(at.secs(), UNREAD) {
            ring.push(Entry { at, kind: kind() });
        }
    }
}

impl Observer for ActivityLog {
    fn operation(&self, operation: &Operation<'_>) {
        lock(&self.0.figures).operation(now(), operation);
        match operation.kind {
            // The management API reports these as calls.
            OperationKind::Post | OperationKind::Inspect | OperationKind::Delete => {}
            _ => self.keep(|| EntryKind::operation(operation)),
        }
    }

    fn connection_opened(&self, port: u16, snapshot: &dyn Fn() -> Snapshot) {
        lock(&self.0.figures).opened(now());
        self.keep(|| EntryKind::Opened {
            snapshot: Box::new(snapshot()),
            port,
        });
    }

    fn invocation_begun(&self, function: &str, id: &str, gateway: Option<&str>, event: &Bytes) {
        let id: Arc<str> = id.into();
        lock(&self.0.attribution).begun(id.clone());
        self.keep(|| EntryKind::Begun {
            id,
            gateway: gateway.map(Into::into),
            function: function.into(),
            event: event.clone(),
        });
    }

    fn environment_started(
        &self,
        function: &str,
        environment: u64,
        id: &Arc<str>,
        trace: &str,
        init: Option<Duration>,
    ) {
        let session = Session {
            function,
            environment,
        };
        lock(&self.0.attribution).started(session, id.clone());
        self.keep(|| EntryKind::Started {
            id: id.clone(),
            environment,
            trace: trace.into(),
            init,
        });
    }

    fn environment_idle(&self, function: &str, environment: u64, id: &str) {
        let session = Session {
            function,
            environment,
        };
        lock(&self.0.attribution).idle(session, id);
    }

    fn environment_ended(&self, function: &str, environment: u64) {
        lock(&self.0.attribution).environment_ended(Session {
            function,
            environment,
        });
    }

    fn invocation_ended(&self, id: &str, duration: Duration, result: Result<&Bytes, &str>) {
        let calls = lock(&self.0.attribution).ended(id);
        self.keep(|| EntryKind::Ended {
            id: id.into(),
            duration,
            // A slice would keep the complete buffer that the body was read into.
            result: result
                .map(|response| Bytes::copy_from_slice(response))
                .map_err(str::to_owned),
            calls,
        });
    }

    fn log_line(&self, function: &str, line: &LogLine) {
        self.keep(|| EntryKind::Log {
            function: function.into(),
            line: line.clone(),
        });
    }

    fn api_called(&self, token: Option<&str>, call: &Call<'_>) {
        let session = token.and_then(|token| self.0.sessions.session(token));
        if let Some(session) = session {
            needed(call, |action, resource| {
                lock(&self.0.permissions).count(session.function, action, resource);
            });
        }
        // The calls of one invocation beyond a limit are only counted.
        let Some(origin) = lock(&self.0.attribution).origin(session) else {
            return;
        };
        self.keep(|| EntryKind::Call(Box::new(CallEntry::new(origin, session, call))));
    }
}

pub(crate) struct Reader(Arc<Inner>);

impl Reader {
    /// Returns at most `limit` entries from number `from` on.
    pub(crate) fn read(&self, from: u64, limit: usize) -> Read {
        lock(&self.0.ring).read(from, limit)
    }

    /// Returns the number of the first of the last `limit` entries.
    pub(crate) fn last(&self, limit: usize) -> u64 {
        lock(&self.0.ring).last(limit)
    }

    /// Returns the current figures, and those of up to `seconds` earlier seconds.
    pub(crate) fn figures(&self, seconds: usize) -> Value {
        lock(&self.0.figures).show(now(), seconds)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for ActivityLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityLog").finish_non_exhaustive()
    }
}

fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_answer_and_of_a_call_is_not_the_buffer_it_was_read_into() {
        let log = ActivityLog::new(SessionTokens::default());
        let buffer = Bytes::from(vec![b'x'; 8192]);
        log.invocation_ended("a", Duration::ZERO, Ok(&buffer.slice(..2)));
        log.api_called(
            None,
            &Call {
                service: "management",
                action: "POST",
                target: "c",
                status: 200,
                duration: Duration::ZERO,
                request: buffer.slice(..2),
                response: buffer.slice(2..4),
                detail: None,
            },
        );
        let kept = log.reader().read(0, 10).entries.len();
        assert!(kept == 2 && buffer.is_unique());
    }
}
