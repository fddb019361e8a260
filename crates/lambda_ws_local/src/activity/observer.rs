//! The interface between the parts of the emulator and their observers.

use super::{Call, Operation, Snapshot};
use crate::log_line::LogLine;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Receives the events of the emulator's parts. They call it on async tasks, so it must not block.
///
/// Each method does nothing by default.
pub trait Observer: Send + Sync {
    /// The gateway has finished an operation.
    fn operation(&self, operation: &Operation<'_>) {
        let _ = operation;
    }

    /// A connection is open. `port` is the client's.
    fn connection_opened(&self, port: u16, snapshot: &dyn Fn() -> Snapshot) {
        let _ = (port, snapshot);
    }

    /// A function is invoked. `id` is the invocation's request id, `gateway` the gateway's, if it sent the event.
    fn invocation_begun(&self, function: &str, id: &str, gateway: Option<&str>, event: &Bytes) {
        let _ = (function, id, gateway, event);
    }

    /// An execution environment starts to handle an event of an X-Ray trace. `init` is the duration of its start, for its first
    /// event.
    fn environment_started(
        &self,
        function: &str,
        environment: u64,
        id: &Arc<str>,
        trace: &str,
        init: Option<Duration>,
    ) {
        let _ = (function, environment, id, trace, init);
    }

    /// An execution environment has handled an event.
    fn environment_idle(&self, function: &str, environment: u64, id: &str) {
        let _ = (function, environment, id);
    }

    /// An execution environment has ended.
    fn environment_ended(&self, function: &str, environment: u64) {
        let _ = (function, environment);
    }

    /// An invocation has a response or has failed.
    fn invocation_ended(&self, id: &str, duration: Duration, result: Result<&Bytes, &str>) {
        let _ = (id, duration, result);
    }

    /// A function has logged a line.
    fn log_line(&self, function: &str, line: &LogLine) {
        let _ = (function, line);
    }

    /// One of the APIs was called. `token` is the session token of the caller.
    fn api_called(&self, token: Option<&str>, call: &Call<'_>) {
        let _ = (token, call);
    }
}

/// The observers of a part of the emulator; none by default. Clones share them.
#[derive(Clone, Default)]
pub struct Observers(Arc<[Arc<dyn Observer>]>);

impl Observers {
    /// Returns these observers and one more.
    pub fn with(&self, observer: impl Observer + 'static) -> Self {
        let all = self.0.iter().cloned();
        let observer: Arc<dyn Observer> = Arc::new(observer);
        Self(all.chain([observer]).collect())
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observers").field(&self.0.len()).finish()
    }
}

/// Forwards to each observer.
macro_rules! forward {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*);)*) => {
        impl Observer for Observers {
            $(fn $name(&self, $($arg: $type),*) {
                self.0.iter().for_each(|observer| observer.$name($($arg),*));
            })*
        }
    };
}

forward! {
    operation(operation: &Operation<'_>);
    connection_opened(port: u16, snapshot: &dyn Fn() -> Snapshot);
    invocation_begun(function: &str, id: &str, gateway: Option<&str>, event: &Bytes);
    environment_started(function: &str, environment: u64, id: &Arc<str>, trace: &str, init: Option<Duration>);
    environment_idle(function: &str, environment: u64, id: &str);
    environment_ended(function: &str, environment: u64);
    invocation_ended(id: &str, duration: Duration, result: Result<&Bytes, &str>);
    log_line(function: &str, line: &LogLine);
    api_called(token: Option<&str>, call: &Call<'_>);
}

/// A closure that receives the operations of a gateway.
impl<F: Fn(&Operation<'_>) + Send + Sync> Observer for F {
    fn operation(&self, operation: &Operation<'_>) {
        self(operation);
    }
}
