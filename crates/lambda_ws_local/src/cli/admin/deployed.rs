//! A deployed function, through Lambda's Invoke API.

use super::account::Account;
use super::function::{CommandError, PATIENCE, shortened};
use crate::cli::http::{SendError, send};
use crate::cli::trust;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use lambda_ws_local::emulator::Failure;
use lambda_ws_protocol::Timestamp;
use lambda_ws_protocol::admin::ERROR_TYPE;
use lambda_ws_protocol::sigv4::{self, Signer};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use tokio::time::timeout;

/// The characters of a path that are encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A function behind Lambda's API.
pub(super) struct DeployedFunction {
    name: String,
    account: Account,
    endpoint: Uri,
    path: String,
    tls: Option<Arc<ClientConfig>>,
}

/// The body of a response with an error: of the function, or of Lambda.
#[derive(Default, Deserialize)]
struct Report {
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    #[serde(rename = "errorMessage")]
    error_message: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

impl DeployedFunction {
    /// Returns the function with this name or ARN.
    ///
    /// # Errors
    ///
    /// The endpoint is not a URL with http or https, or the certificates cannot be read.
    pub(super) fn new(
        name: &str,
        account: Account,
        endpoint: Option<Uri>,
    ) -> Result<Self, Failure> {
        let endpoint = match endpoint {
            Some(endpoint) => endpoint,
            None => {
                let region = &account.region;
                let domain = match region.starts_with("cn-") {
                    true => "amazonaws.com.cn",
                    false => "amazonaws.com",
                };
                format!("https://lambda.{region}.{domain}").parse()?
            }
        };
        let tls = match (endpoint.scheme_str(), endpoint.authority()) {
            (Some("https"), Some(_)) => Some(tls()?),
            (Some("http"), Some(_)) => None,
            _ => {
                return Err(Failure::new(format!(
                    "`{endpoint}` is not the URL of an API: expected --endpoint-url https://HOST"
                )));
            }
        };
        let base = endpoint.path().trim_end_matches('/');
        let encoded = utf8_percent_encode(name, ENCODED);
        Ok(Self {
            name: name.to_owned(),
            account,
            path: format!("{base}/2015-03-31/functions/{encoded}/invocations"),
            endpoint,
            tls,
        })
    }

    /// Invokes the function once, and returns its response.
    pub(super) async fn invoke(&self, event: String) -> Result<String, CommandError> {
        let request = self.request(event).await.map_err(CommandError::Rejected)?;
        let sent = timeout(PATIENCE, send(&self.endpoint, self.tls.as_ref(), request)).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error @ SendError::NotConnected(_))) => {
                let text = format!(
                    "cannot reach {}: check --region, --endpoint-url and the network",
                    self.endpoint
                );
                return Err(CommandError::NotInvoked(Failure::because(&text, error)));
            }
            Ok(Err(error)) => return Err(CommandError::Failed(error.into())),
            Err(_) => {
                let text = format!("no response within {} s", PATIENCE.as_secs());
                return Err(CommandError::Failed(Failure::new(text)));
            }
        };
        self.answer(&response)
    }

    fn answer(&self, response: &Response<Bytes>) -> Result<String, CommandError> {
        let body = String::from_utf8_lossy(response.body()).into_owned();
        let status = response.status();
        let is_failed = response.headers().contains_key("x-amz-function-error");
        if status.is_success() && !is_failed {
            return Ok(body);
        }
        let report: Report = serde_json::from_str(&body).unwrap_or_default();
        if is_failed {
            let kind = report.error_type.unwrap_or_default();
            let message = report.error_message.unwrap_or_else(|| shortened(&body));
            return Err(match kind == ERROR_TYPE {
                true => CommandError::Rejected(Failure::new(message)),
                false => {
                    let text = format!("the function failed: {kind}: {message}");
                    CommandError::Failed(Failure::new(text))
                }
            });
        }
        let reason = report.message.unwrap_or_else(|| shortened(&body));
        let (name, region) = (&self.name, &self.account.region);
        Err(match status {
            StatusCode::FORBIDDEN => CommandError::Rejected(Failure::new(format!(
                "Lambda does not allow these credentials to invoke `{name}` in {region} (403): allow \
                 lambda:InvokeFunction on the function's ARN, and check that the credentials are not expired: {reason}"
            ))),
            StatusCode::NOT_FOUND => CommandError::Rejected(Failure::new(format!(
                "there is no function `{name}` in {region}: check --function and --region: {reason}"
            ))),
            StatusCode::TOO_MANY_REQUESTS => CommandError::NotInvoked(Failure::new(format!(
                "Lambda throttles the invocations of `{name}` (429): repeat the command later, or raise the function's reserved \
                 concurrency: {reason}"
            ))),
            status if status.is_server_error() => CommandError::Failed(Failure::new(format!(
                "Lambda failed with status {status}: {reason}"
            ))),
            status => CommandError::Rejected(Failure::new(format!(
                "Lambda rejects the invocation with status {status}: {reason}"
            ))),
        })
    }

    async fn request(&self, event: String) -> Result<Request<Full<Bytes>>, Failure> {
        let credentials = self.account.credentials().await?;
        let host = self.endpoint.authority().map_or("", |host| host.as_str());
        let signed = sigv4::Request {
            method: "POST",
            path: &self.path,
            query: "",
            headers: vec![("host", host.as_bytes())],
            body: event.as_bytes(),
        };
        let signer = Signer {
            credentials: &credentials,
            region: &self.account.region,
            service: "lambda",
        };
        let headers = signer.sign(&signed, Timestamp::now()).ok_or_else(|| {
            Failure::new("the credentials contain characters that are not valid in a header")
        })?;
        let mut request = Request::post(&self.path)
            .header("content-type", "application/json")
            .header("x-amz-invocation-type", "RequestResponse")
            .body(Full::new(Bytes::from(event)))?;
        for (name, value) in headers {
            let (name, value) = (HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

/// Returns the TLS configuration: the certificates of AWS_CA_BUNDLE, or of the system.
fn tls() -> Result<Arc<ClientConfig>, Failure> {
    let bundle = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
    let roots = match bundle {
        Some(path) => trust::roots(Path::new(&path))?,
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(Failure::new(
                    "the system has no certificates: set AWS_CA_BUNDLE to a file in PEM",
                ));
            }
            roots
        }
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots);
    Ok(Arc::new(builder.with_no_client_auth()))
}

#[cfg(test)]
mod tests;
