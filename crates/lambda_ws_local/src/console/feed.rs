//! What happens in a gateway, for whoever watches it.

use super::entry::{Call, Called, Entry, Happened, Origin};
use super::figures::Figures;
use super::permissions::{Permissions, needed};
use super::ring::{Read, Ring};
use super::running::{Running, Session};
use crate::function::LogLine;
use crate::gateway::{Observed, Snapshot, What};
use bytes::Bytes;
use lambda_ws_protocol::Timestamp;
use serde_json::Value;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many entries a second are kept while nobody watches: enough to look back at what went wrong a moment ago, and too few
/// to slow a load down.
const UNWATCHED: usize = 500;

/// What happens in a gateway and its functions, kept for a while. Clones are the same feed; the default one keeps nothing.
///
/// Whoever tells it something never waits: it is bounded, and the oldest is forgotten. It is told more than it keeps: figures
/// are of everything.
#[derive(Clone, Default)]
pub struct Feed(Option<Arc<Inner>>);

struct Inner {
    /// Who this feed's environments are known by.
    secret: String,
    ring: Mutex<Ring>,
    running: Mutex<Running>,
    figures: Mutex<Figures>,
    permissions: Mutex<Permissions>,
    watchers: AtomicUsize,
}

impl Feed {
    /// A feed that keeps what it is told.
    pub fn new() -> Feed {
        Feed(Some(Arc::new(Inner {
            secret: format!("local-{:016x}", fastrand::u64(..)),
            ring: Mutex::default(),
            running: Mutex::default(),
            figures: Mutex::default(),
            permissions: Mutex::default(),
            watchers: AtomicUsize::new(0),
        })))
    }

    /// A function begins to be asked: `id` is its own request id, `gateway` that of the gateway's event, if it is one.
    pub fn begun(&self, function: &str, id: &str, gateway: Option<&str>, event: &Bytes) {
        let Some(inner) = &self.0 else { return };
        let id: Arc<str> = id.into();
        lock(&inner.running).begun(id.clone());
        inner.keep(|| Happened::Begun {
            id,
            gateway: gateway.map(Into::into),
            function: function.into(),
            event: event.clone(),
        });
    }

    /// A function has answered, or failed.
    pub fn ended(&self, id: &str, duration: Duration, result: Result<&Bytes, String>) {
        let Some(inner) = &self.0 else { return };
        let calls = lock(&inner.running).ended(id);
        inner.keep(|| Happened::Ended {
            id: id.into(),
            duration,
            // A slice would keep the whole buffer that it was read into.
            result: result.map(|answer| Bytes::copy_from_slice(answer)),
            calls,
        });
    }

    /// A line of a function's log.
    pub fn log(&self, function: &str, line: &LogLine) {
        let Some(inner) = &self.0 else { return };
        inner.keep(|| Happened::Log {
            function: function.into(),
            line: line.clone(),
        });
    }

    /// The session token of a function's environment, which its SDKs send with every call: so it is known who calls.
    pub(crate) fn token(&self, function: &str, environment: u64) -> Option<String> {
        let inner = self.0.as_ref()?;
        Some(format!("{}/{function}/{environment}", inner.secret))
    }

    /// Whether this is a token of this feed's environments.
    pub(crate) fn issued(&self, token: &str) -> bool {
        self.session(token).is_some()
    }

    fn session<'t>(&self, token: &'t str) -> Option<Session<'t>> {
        let inner = self.0.as_ref()?;
        let rest = token.strip_prefix(&inner.secret)?.strip_prefix('/')?;
        let (function, environment) = rest.rsplit_once('/')?;
        let environment = environment.parse().ok()?;
        Some(Session {
            function,
            environment,
        })
    }

    /// An environment begins to work on an event; `init` is how long its start took, if this is its first.
    pub(crate) fn started(
        &self,
        function: &str,
        environment: u64,
        id: &Arc<str>,
        init: Option<Duration>,
    ) {
        let Some(inner) = &self.0 else { return };
        let session = Session {
            function,
            environment,
        };
        lock(&inner.running).started(session, id.clone());
        inner.keep(|| Happened::Started {
            id: id.clone(),
            environment,
            init,
        });
    }

    /// An environment has answered.
    pub(crate) fn rests(&self, function: &str, environment: u64) {
        let Some(inner) = &self.0 else { return };
        lock(&inner.running).rests(Session {
            function,
            environment,
        });
    }

    /// An environment is no more.
    pub(crate) fn gone(&self, function: &str, environment: u64) {
        let Some(inner) = &self.0 else { return };
        lock(&inner.running).gone(Session {
            function,
            environment,
        });
    }

    /// A function, or somebody else, has called one of the APIs; `token` is the session token the call came with.
    pub(crate) fn called<'c>(&self, token: Option<&str>, call: impl FnOnce() -> Call<'c>) {
        let Some(inner) = &self.0 else { return };
        let session = token.and_then(|token| self.session(token));
        let call = call();
        if let Some(session) = session {
            needed(&call, |action, resource| {
                lock(&inner.permissions).count(session.function, action, resource);
            });
        }
        let origin = match lock(&inner.running).origin(session) {
            Some(origin) => origin,
            // One of very many calls of one event: it is counted.
            None => return,
        };
        inner.keep(|| Happened::Called(Box::new(Called::new(origin, session, call))));
    }

    /// What the calls of functions have needed to be allowed: by function and action the resources, each with the number of
    /// calls. `None` if nothing is kept.
    pub(crate) fn permissions(&self) -> Option<Value> {
        let inner = self.0.as_ref()?;
        Some(lock(&inner.permissions).show())
    }

    /// The console itself has posted or closed.
    pub(super) fn acted<'c>(&self, call: impl FnOnce() -> Call<'c>) {
        let Some(inner) = &self.0 else { return };
        inner.keep(|| Happened::Called(Box::new(Called::new(Origin::Console, None, call()))));
    }

    /// The gateway has done something.
    pub(crate) fn observed(&self, observed: &Observed<'_>) {
        let Some(inner) = &self.0 else { return };
        lock(&inner.figures).observed(now(), observed);
        match observed.what {
            // They are calls, and told as such.
            What::Post | What::Inspect | What::Delete => {}
            _ => inner.keep(|| Happened::observed(observed)),
        }
    }

    /// A connection is open, of a client with this port.
    pub(crate) fn opened(&self, port: u16, snapshot: impl FnOnce() -> Snapshot) {
        let Some(inner) = &self.0 else { return };
        lock(&inner.figures).opened(now());
        inner.keep(|| Happened::Opened {
            snapshot: Box::new(snapshot()),
            port,
        });
    }

    /// Something has happened to a client of the console.
    pub(super) fn client(&self, told: impl FnOnce() -> Value) {
        let Some(inner) = &self.0 else { return };
        inner.keep(|| Happened::Client(told()));
    }

    /// Watches for as long as the guard lives; `None` if nothing is kept.
    pub(super) fn watch(&self) -> Option<Watching> {
        let inner = self.0.clone()?;
        inner.watchers.fetch_add(1, Ordering::Relaxed);
        Some(Watching(inner))
    }
}

impl Inner {
    fn keep(&self, happened: impl FnOnce() -> Happened) {
        let at = now();
        let watched = self.watchers.load(Ordering::Relaxed) > 0;
        let mut ring = lock(&self.ring);
        if watched || ring.is_calm(at.secs(), UNWATCHED) {
            ring.push(Entry {
                at,
                happened: happened(),
            });
        }
    }
}

/// Somebody watches.
pub(super) struct Watching(Arc<Inner>);

impl Watching {
    /// At most `limit` entries from number `from` on.
    pub(super) fn read(&self, from: u64, limit: usize) -> Read {
        lock(&self.0.ring).read(from, limit)
    }

    /// The number of the entry from which on there are at most `limit`.
    pub(super) fn last(&self, limit: usize) -> u64 {
        lock(&self.0.ring).last(limit)
    }

    /// The figures by now, with those of up to `seconds` seconds before.
    pub(super) fn figures(&self, seconds: usize) -> Value {
        lock(&self.0.figures).show(now(), seconds)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.0.is_some() { "on" } else { "off" };
        f.debug_tuple("Feed").field(&kind).finish()
    }
}

fn now() -> Timestamp {
    Timestamp::now()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is shown may be wrong after a panic; what is served is not.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_answer_and_of_a_call_is_not_the_buffer_it_was_read_into() {
        let feed = Feed::new();
        let buffer = Bytes::from(vec![b'x'; 8192]);
        feed.ended("a", Duration::ZERO, Ok(&buffer.slice(..2)));
        feed.called(None, || Call {
            service: "management",
            action: "POST",
            target: "c",
            status: 200,
            duration: Duration::ZERO,
            request: buffer.slice(..2),
            response: buffer.slice(2..4),
            detail: None,
        });
        let kept = feed.watch().unwrap().read(0, 10).entries.len();
        assert!(kept == 2 && buffer.is_unique());
    }
}
