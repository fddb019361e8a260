//! Self-invocation of the function.

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

const BACKOFF: Backoff = Backoff::new(50, 4, 200, 2, Jitter::Half);

/// The maximum size of a response, in bytes.
const ANSWER: usize = 64 * 1024;

/// Queues events for the same version of the function through Lambda's Invoke API with the invocation type `Event`.
/// It needs one request per event, and no SDK client.
#[derive(Debug)]
pub(super) struct SelfInvocation {
    client: Https,
    credentials: SharedCredentialsProvider,
    region: String,
    url: String,
    function: String,
}

impl SelfInvocation {
    /// Creates the self-invocation of `function`, a name with a version, at `endpoint` or at Lambda's own endpoint.
    /// Returns `None` without a region or credentials.
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
        // A name contains letters, digits, `-` and `_`; its version is a number or `$LATEST`.
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
            Err(_) => return Err((true, format!("no response within {ATTEMPT:?}").into())),
        };
        let reason = String::from_utf8_lossy(&body);
        let function = &self.function;
        match status {
            StatusCode::ACCEPTED => Ok(()),
            StatusCode::FORBIDDEN => {
                let error = format!(
                    "Lambda does not allow {function} to invoke itself (403); fix: allow `lambda:InvokeFunction` on its own \
                     ARN and its versions, as this library's template.yaml does: {reason}"
                );
                Err((false, error.into()))
            }
            status => {
                let passes = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
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

impl Tasks for SelfInvocation {
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
