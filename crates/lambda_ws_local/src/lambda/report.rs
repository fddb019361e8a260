//! Errors of a function in the body of a response.

use crate::function::{InvokeError, RESPONSE_LIMIT, StartError};
use bytes::Bytes;
use serde_json::json;
use std::os::unix::process::ExitStatusExt;

/// Whether an error is the function's own, and not one of its invocation.
pub(super) fn is_the_functions(error: &InvokeError) -> bool {
    match error {
        InvokeError::Start(start) => {
            matches!(
                start,
                StartError::Exited { .. } | StartError::Init { .. } | StartError::TimedOut { .. }
            )
        }
        InvokeError::Handler { .. }
        | InvokeError::Crashed { .. }
        | InvokeError::TimedOut { .. }
        | InvokeError::TooLarge { .. } => true,
        InvokeError::Throttled
        | InvokeError::BadRequestId
        | InvokeError::Pending
        | InvokeError::Unreachable { .. }
        | InvokeError::Stopped => false,
    }
}

/// Returns the response body of an invocation that failed by an error of the function.
pub(super) fn body(error: &InvokeError, request_id: &str) -> Bytes {
    let exit = |status: std::process::ExitStatus| {
        let how = match (status.code(), status.signal()) {
            (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
            (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
            (None, Some(9)) => "Runtime exited with error: signal: killed".to_owned(),
            (None, signal) => format!(
                "Runtime exited with error: signal: {}",
                signal.unwrap_or_default()
            ),
        };
        (
            "Runtime.ExitError".to_owned(),
            format!("RequestId: {request_id} Error: {how}"),
        )
    };
    let timed_out = |after: std::time::Duration| {
        let seconds = after.as_secs_f64();
        let text = format!("Task timed out after {seconds:.2} seconds");
        (
            "Sandbox.Timedout".to_owned(),
            format!("RequestId: {request_id} Error: {text}"),
        )
    };
    let (error_type, message) = match error {
        InvokeError::Handler { report, .. } if !report.is_empty() => return report.clone(),
        InvokeError::Handler {
            error_type,
            message,
            ..
        } => (error_type.clone(), message.clone()),
        InvokeError::Crashed { status } => exit(*status),
        InvokeError::TimedOut { after } => timed_out(*after),
        InvokeError::TooLarge { .. } => (
            "Function.ResponseSizeTooLarge".to_owned(),
            format!(
                "Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
            ),
        ),
        InvokeError::Start(StartError::Exited { status, .. }) => exit(*status),
        InvokeError::Start(StartError::TimedOut { after, .. }) => timed_out(*after),
        InvokeError::Start(StartError::Init {
            error_type,
            message,
            ..
        }) => (error_type.clone(), message.clone()),
        other => ("Unhandled".to_owned(), other.to_string()),
    };
    json!({"errorType": error_type, "errorMessage": message})
        .to_string()
        .into()
}
