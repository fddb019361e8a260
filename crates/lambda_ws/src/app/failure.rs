//! The report of a failed invocation.

use super::error::{AuthorizerError, PublishError, UnknownEvent};
use crate::admin::AdminError;
use crate::error::SendError;
use crate::error::{BoxError, chain};
use crate::store::StoreError;
use crate::task::TaskError;
use lambda_runtime::Diagnostic;
use std::any::{Any, type_name};
use std::error::Error as StdError;

/// The report of a failed invocation: Lambda returns it to the caller of the function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error_message}")]
pub(crate) struct Failure {
    /// The name of the error's type without its module, such as `StoreError`.
    pub(crate) error_type: &'static str,
    pub(crate) error_message: String,
}

/// The type of an error without its own type, such as a text.
const UNNAMED: &str = "Error";

const PANIC: &str = "Panic";

impl Failure {
    pub(super) fn panic(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self {
            error_type: PANIC,
            error_message: match message {
                Some(message) => format!("the handler panicked: {message}"),
                None => "the handler panicked".to_owned(),
            },
        }
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.error_type.to_owned(),
            error_message: failure.error_message,
        }
    }
}

impl From<BoxError> for Failure {
    fn from(error: BoxError) -> Self {
        Self {
            error_type: name(&*error),
            error_message: chain(&*error),
        }
    }
}

fn name(error: &(dyn StdError + 'static)) -> &'static str {
    let known = [
        known::<UnknownEvent>(error),
        known::<PublishError>(error),
        known::<AdminError>(error),
        known::<TaskError>(error),
        known::<AuthorizerError>(error),
        known::<SendError>(error),
        known::<StoreError>(error),
    ];
    known.into_iter().flatten().next().unwrap_or(UNNAMED)
}

fn known<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    let path = type_name::<E>();
    let name = path.rsplit("::").next().unwrap_or(path);
    error.is::<E>().then_some(name)
}
