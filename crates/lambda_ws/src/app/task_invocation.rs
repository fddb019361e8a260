//! The asynchronous invocations that queue follow-up tasks.

use crate::backoff::{Backoff, Jitter};
use crate::error::BoxError;
use crate::https::{self, ATTEMPT, Https};
use crate::task::Tasks;
use crate::tls::Tls;
use crate::trace;
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use std::time::SystemTime;
use tokio::time::timeout;

/// The pauses take less than a second, because the event does nothing else meanwhile.
const BACKOFF: Backoff = Backoff::new(50, 3, 400, 3, Jitter::Half);

/// The maximum size of a response, in bytes.
const ANSWER: usize = 64 * 1024;

/// Queues events for the function that runs tasks, through Lambda's Invoke API with the invocation type `Event`. By
/// default it is the same version of this function. It needs one request per event, and no SDK client.
#[derive(Debug)]
pub(super) struct TaskInvocation {
    client: Https,
    credentials: SharedCredentialsProvider,
    region: String,
    url: String,
    function: String,
}

/// Whether a text is the name or the ARN of a function in a Region, with or without a version or an alias.
pub(super) fn names_function(text: &str, region: Option<&str>) -> bool {
    let parts: Vec<_> = text.split(':').collect();
    let named = match &*parts {
        ["arn", _, "lambda", of, _, "function", named @ ..] => match region == Some(*of) {
            true => named,
            false => return false,
        },
        named => named,
    };
    let is_name = |name: &str| {
        let is_known = |c: u8| c.is_ascii_alphanumeric() || b"-_".contains(&c);
        !name.is_empty() && name.bytes().all(is_known)
    };
    match named {
        [name] => is_name(name),
        [name, version] => is_name(name) && (*version == "$LATEST" || is_name(version)),
        _ => false,
    }
}

impl TaskInvocation {
    /// Creates the invocation of `function`, a name or an ARN, at `endpoint` or at Lambda's own endpoint. Returns
    /// `None` without a region or credentials.
    pub(super) fn new(config: &SdkConfig, function: &str, endpoint: Option<&str>) -> Option<Self> {
        let region = config.region()?.to_string();
        let credentials = config.credentials_provider()?;
        let endpoint = match endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None if region.starts_with("cn-") => {
                format!("https://lambda.{region}.amazonaws.com.cn")
            }
            None => format!("https://lambda.{region}.amazonaws.com"),
        };
        // A name or an ARN contains letters, digits, `-`, `_` and `:`; a version can be `$LATEST`.
        let name = function.replace(':', "%3A").replace('$', "%24");
        Some(Self {
            client: https::client(Tls::process()),
            credentials,
            region,
            url: format!("{endpoint}/2015-03-31/functions/{name}/invocations"),
            function: function.to_owned(),
        })
    }

    /// Makes one attempt. An error says whether a retry may succeed.
    async fn attempt(&self, event: Bytes) -> Result<(), (bool, BoxError)> {
        let request = self.request(event).await.map_err(|error| (true, error))?;
        let answer = async {
            let response = self.client.request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER).collect().await?;
            Ok::<_, BoxError>((status, body.to_bytes()))
        };
        let (status, body) = match timeout(ATTEMPT, answer).await {
            Ok(answer) => answer.map_err(|error| (true, error))?,
            Err(_) => {
                let error = format!(
                    "no response of Lambda's API within {ATTEMPT:?}; fix: check the network of the function: a VPC needs a NAT \
                     gateway, or an interface endpoint for Lambda"
                );
                return Err((true, error.into()));
            }
        };
        let reason = String::from_utf8_lossy(&body);
        let function = &self.function;
        match status {
            StatusCode::ACCEPTED => Ok(()),
            StatusCode::FORBIDDEN => {
                let error = format!(
                    "Lambda does not allow this function to invoke {function} (403); fix: allow `lambda:InvokeFunction` on \
                     its ARN and its versions, as this library's template.yaml does: {reason}"
                );
                Err((false, error.into()))
            }
            StatusCode::NOT_FOUND => {
                let error = format!(
                    "Lambda does not find function {function} (404); fix: deploy it, or correct `TASK_FUNCTION`: {reason}"
                );
                Err((false, error.into()))
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let error = format!(
                    "Lambda throttles the invocations of {function} (429); fix: raise the account's quota of concurrent \
                     executions, which also limits the invocations per second, or lower `SEND_TASKS`: {reason}"
                );
                Err((true, error.into()))
            }
            status => {
                let passes = status.is_server_error();
                let error = format!("Lambda rejects an event for {function} ({status}): {reason}");
                Err((passes, error.into()))
            }
        }
    }

    async fn request(&self, event: Bytes) -> Result<Request<Full<Bytes>>, BoxError> {
        let credentials = self.credentials.provide_credentials().await?;
        let identity = credentials.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("lambda")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let mut request = Request::post(&self.url)
            .header("x-amz-invocation-type", "Event")
            .header("content-type", "application/json")
            .body(Full::new(event.clone()))?;
        let headers = request.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(&event);
        let signable = SignableRequest::new("POST", &self.url, headers, body)?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        trace::with_header(|header| {
            request.headers_mut().insert(trace::HEADER, header.clone());
        });
        Ok(request)
    }
}

impl Tasks for TaskInvocation {
    fn queue(&self, event: String) -> BoxFuture<'_, Result<(), BoxError>> {
        let event = Bytes::from(event);
        Box::pin(async move {
            let mut backoff = BACKOFF;
            loop {
                match self.attempt(event.clone()).await {
                    Ok(()) => return Ok(()),
                    Err((false, error)) => return Err(error),
                    Err((true, error)) if !backoff.wait().await => return Err(error),
                    Err((true, _)) => {}
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that answers each request with the next status, and the last one again and again. 0 is no response.
    async fn lambda(statuses: &'static [u16]) -> (TaskInvocation, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = requests.clone();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = [0; 4096];
                let read = socket.read(&mut head).await.expect("a request");
                assert!(head[..read].starts_with(b"POST /2015-03-31/functions/tasks/invocations"));
                let number = counted.fetch_add(1, Relaxed).min(statuses.len() - 1);
                match statuses[number] {
                    0 => open.push(socket),
                    status => {
                        let answer = format!(
                            "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
                        );
                        socket
                            .write_all(answer.as_bytes())
                            .await
                            .expect("a response");
                    }
                }
            }
        });
        let credentials = Credentials::new("id", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let invocation = TaskInvocation::new(&config, "tasks", Some(&url)).expect("an account");
        (invocation, requests)
    }

    async fn queued(statuses: &'static [u16]) -> (Result<(), String>, usize) {
        let (invocation, requests) = lambda(statuses).await;
        let queued = invocation.queue("{}".to_owned()).await;
        let queued = queued.map_err(|error| error.to_string());
        (queued, requests.load(Relaxed))
    }

    #[tokio::test]
    async fn a_throttled_or_failed_invocation_is_repeated() {
        for statuses in [&[202][..], &[429, 202], &[503, 429, 500, 202]] {
            assert_eq!(queued(statuses).await, (Ok(()), statuses.len()));
        }
    }

    #[tokio::test]
    async fn an_invocation_that_fails_at_every_attempt_is_an_error_with_a_fix() {
        for (statuses, attempts, fix) in [
            (
                &[429][..],
                4,
                "fix: raise the account's quota of concurrent executions",
            ),
            (&[404], 1, "fix: deploy it, or correct `TASK_FUNCTION`"),
            (&[403], 1, "fix: allow `lambda:InvokeFunction`"),
            (&[413], 1, "(413 Payload Too Large)"),
            (&[0], 4, "fix: check the network of the function"),
        ] {
            let (queued, requests) = queued(statuses).await;
            let error = queued.expect_err("an error");
            assert!(error.contains(fix), "{error}");
            assert_eq!(requests, attempts, "{error}");
        }
    }

    #[test]
    fn a_function_is_named_by_its_name_or_its_arn_in_the_same_region() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:";
        for name in ["tasks", "a-B_9", "tasks:$LATEST", "tasks:7", "tasks:live"] {
            assert!(names_function(name, None), "{name}");
            assert!(names_function(&format!("{arn}{name}"), Some("us-east-1")));
            for other in [None, Some("eu-west-1")] {
                assert!(!names_function(&format!("{arn}{name}"), other), "{other:?}");
            }
        }
        for wrong in [
            "", ":", "tasks:", ":live", "a:b:c", "a b", "a/b", "tasks:$x", "ä",
        ] {
            assert!(!names_function(wrong, None), "{wrong}");
            assert!(!names_function(&format!("{arn}{wrong}"), Some("us-east-1")));
        }
    }
}
