//! The retries of asynchronous events.

use crate::function::InvokeError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The retry settings of a function's asynchronous events: `EventInvokeConfig` of SAM,
/// `AWS::Lambda::EventInvokeConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asynchronous {
    /// `MaximumRetryAttempts`: the maximum number of retries after errors of the function, 0 to 2 (2).
    pub retries: u32,
    /// `MaximumEventAgeInSeconds`: the maximum age of an event, 1 min to 6 h (6 h).
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

/// An asynchronous event that failed for good. Lambda would send it to a dead-letter queue or an `OnFailure`
/// destination.
#[derive(Debug)]
#[non_exhaustive]
pub struct Lost<'a> {
    /// The function's name.
    pub function: &'a str,
    /// The request id, the same for all attempts.
    pub request_id: &'a str,
    /// The reason.
    pub reason: Reason,
    /// The number of attempts.
    pub attempts: u32,
    /// The error of the last attempt.
    pub error: &'a InvokeError,
}

/// The callback for asynchronous events that failed for good.
pub type Observer = Arc<dyn Fn(&Lost<'_>) + Send + Sync>;

/// Why an asynchronous event failed for good, named as in Lambda's destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The function failed too often.
    RetriesExhausted,
    /// The event exceeded its maximum age.
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
