//! What becomes of asynchronous events.

use crate::function::InvokeError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a function's asynchronous events are tried: `EventInvokeConfig` of SAM, `AWS::Lambda::EventInvokeConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asynchronous {
    /// `MaximumRetryAttempts`: how often an event is tried again after errors of the function, 0 to 2 (2).
    pub retries: u32,
    /// `MaximumEventAgeInSeconds`: how old an event may get, 1 min to 6 h (6 h).
    pub age: Duration,
}

impl Default for Asynchronous {
    fn default() -> Asynchronous {
        Asynchronous {
            retries: 2,
            age: Duration::from_secs(6 * 60 * 60),
        }
    }
}

/// An asynchronous event that was given up, which Lambda would send to a dead-letter queue or an `OnFailure` destination.
#[derive(Debug)]
#[non_exhaustive]
pub struct Lost<'a> {
    /// The function's name.
    pub function: &'a str,
    /// The request id, the same for all attempts.
    pub request_id: &'a str,
    /// Why it was given up.
    pub reason: Reason,
    /// How often it was tried.
    pub attempts: u32,
    /// How the last attempt failed.
    pub error: &'a InvokeError,
}

/// The callback for asynchronous events that are given up.
pub type Observer = Arc<dyn Fn(&Lost<'_>) + Send + Sync>;

/// Why an asynchronous event was given up, in the words of Lambda's destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The function failed too often.
    RetriesExhausted,
    /// The event got too old.
    EventAgeExceeded,
}

impl fmt::Display for Lost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = match self.attempts {
            1 => "once".to_owned(),
            attempts => format!("{attempts} times"),
        };
        write!(
            f,
            "asynchronous event {} of {} is lost ({:?}, tried {times}): {}",
            self.request_id, self.function, self.reason, self.error
        )
    }
}
