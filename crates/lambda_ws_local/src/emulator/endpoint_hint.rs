//! A hint for functions whose posts do not come here.

use super::report::Reporter;
use crate::activity::{Operation, OperationKind, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How many messages a function handles without a post before it is worth a hint.
const MESSAGES: u32 = 10;

/// Looks for the signs of a function that builds `https://{apiId}.execute-api.{region}.amazonaws.com/{stage}` itself: its
/// posts go to AWS, whose answer it may not log.
pub(super) struct EndpointHint {
    reporter: Reporter,
    /// Messages that were handled without an answer, while nothing was posted.
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

    /// Something the gateway did.
    pub(super) fn observed(&self, observed: &Operation<'_>) {
        if let Some(sign) = self.sign(observed.kind, &observed.outcome) {
            self.give(&sign);
        }
    }

    /// A line of a function's log.
    pub(super) fn log(&self, line: &str) {
        if names_aws(line) {
            self.give("the log names an execute-api address of AWS");
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
                    format!("{MESSAGES} messages were handled, and nothing was sent to a client")
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
            "{sign}: a function that builds https://{{apiId}}.execute-api.{{region}}.amazonaws.com/{{stage}} itself \
             posts to AWS. Leave the endpoint to the SDK, which reads AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI, or see \
             `lambda-ws-local --help`, at the end"
        ));
    }
}

/// Whether a text has the host of a deployed API in it, as errors of SDKs have.
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
