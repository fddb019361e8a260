//! A hint for functions whose posts go to AWS instead of this gateway.

use super::report::Reporter;
use crate::activity::{Operation, OperationKind, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The number of messages without a post after which the hint is given.
const MESSAGES: u32 = 10;

/// Detects functions that build `https://{apiId}.execute-api.{region}.amazonaws.com/{stage}` themselves. Their posts go
/// to AWS, and they may not log its errors.
pub(super) struct EndpointHint {
    reporter: Reporter,
    /// Messages that were handled without a response, while nothing was posted.
    silent: AtomicU32,
    called: AtomicBool,
    given: AtomicBool,
}

impl EndpointHint {
    pub(super) fn new(reporter: &Reporter) -> Arc<Self> {
        Arc::new(Self {
            reporter: reporter.clone(),
            silent: AtomicU32::new(0),
            called: AtomicBool::new(false),
            given: AtomicBool::new(false),
        })
    }

    pub(super) fn observed(&self, observed: &Operation<'_>) {
        if let Some(sign) = self.sign(observed.kind, &observed.outcome) {
            self.give(&sign);
        }
    }

    pub(super) fn log(&self, line: &str) {
        if names_aws(line) {
            self.give("the log contains an execute-api address of AWS");
        }
    }

    fn sign(&self, what: OperationKind, outcome: &Outcome) -> Option<String> {
        match what {
            OperationKind::Post | OperationKind::Delete => {
                self.called.store(true, Ordering::Relaxed)
            }
            OperationKind::Message
                if matches!(outcome, Outcome::Done) && !self.called.load(Ordering::Relaxed) =>
            {
                let silent = self.silent.fetch_add(1, Ordering::Relaxed) + 1;
                return (silent == MESSAGES).then(|| {
                    format!("{MESSAGES} messages were handled, but nothing was sent to a client")
                });
            }
            _ => {}
        }
        None
    }

    fn give(&self, sign: &str) {
        if self.given.swap(true, Ordering::Relaxed) {
            return;
        }
        self.reporter.note(format!(
            "{sign}. A function that builds https://{{apiId}}.execute-api.{{region}}.amazonaws.com/{{stage}} itself \
             posts to AWS. Leave the endpoint to the SDK, which reads AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI, or see \
             the end of `lambda-ws-local --help`"
        ));
    }
}

/// Whether a text contains the host of a deployed API, as errors of SDKs do.
fn names_aws(text: &str) -> bool {
    let host = text.split_once(".execute-api.").map(|(_, rest)| rest);
    host.is_some_and(|rest| rest.contains(".amazonaws.com"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_f20_errors_of_sdks_that_reached_for_aws_are_noticed() {
        for line in [
            "Error: getaddrinfo ENOTFOUND abcd1234.execute-api.us-east-1.amazonaws.com",
            r#"botocore: Could not connect to the endpoint URL: "https://a.execute-api.eu-west-1.amazonaws.com/dev/@connections/x""#,
            "https://a.execute-api.cn-north-1.amazonaws.com.cn/dev",
        ] {
            assert!(names_aws(line), "{line}");
        }
        for line in [
            "execute-api:ManageConnections",
            "sqs.us-east-1.amazonaws.com",
            "",
        ] {
            assert!(!names_aws(line), "{line}");
        }
    }

    #[test]
    fn fault_f20_a_function_that_handles_messages_and_posts_nothing_is_noticed_once() {
        let reporter = Reporter::new(|_| {});
        let silent = EndpointHint::new(&reporter);
        let signs = (0..30).filter_map(|_| silent.sign(OperationKind::Message, &Outcome::Done));
        assert_eq!(signs.count(), 1);
        let answers = EndpointHint::new(&reporter);
        assert!((0..30).all(|_| {
            answers
                .sign(OperationKind::Message, &Outcome::Answered)
                .is_none()
        }));
        let posts = EndpointHint::new(&reporter);
        assert_eq!(posts.sign(OperationKind::Post, &Outcome::Status(200)), None);
        assert!((0..30).all(|_| posts.sign(OperationKind::Message, &Outcome::Done).is_none()));
    }
}
