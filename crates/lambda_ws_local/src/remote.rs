//! A function that another program runs: `cargo lambda watch`, `sam local start-lambda`, the Runtime Interface
//! Emulator, or any other server with Lambda's Invoke API over plain HTTP.
//!
//! ```
//! use lambda_ws_local::remote::RemoteFunction;
//! use std::time::Duration;
//!
//! let remote = RemoteFunction::new("http://127.0.0.1:9000", "chat", Duration::from_secs(3))?;
//! assert_eq!(remote.url(), "http://127.0.0.1:9000/2015-03-31/functions/chat/invocations");
//! assert_eq!(remote.function(), Some("chat"));
//! # Ok::<(), lambda_ws_local::remote::UrlError>(())
//! ```

use crate::body::Body;
use crate::function::{InvokeError, RESPONSE_LIMIT};
use crate::lambda::{ResponseFuture, Target};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

#[cfg(test)]
mod tests;

/// How much longer than the function's timeout a response may take, because an emulator may compile or start a
/// container first.
pub const MARGIN: Duration = Duration::from_secs(30);

const CONNECT: Duration = Duration::from_secs(5);

/// The maximum idle time of a reused connection. Emulators close idle connections without notice.
const IDLE: Duration = Duration::from_secs(20);

/// The maximum number of waiting events, if the function handles one at a time.
const QUEUE: usize = 1_000;

/// A function that another program runs. Clones share it.
#[derive(Clone, Debug)]
pub struct RemoteFunction {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
    timeout: Duration,
    /// The permits of a function that handles one event at a time: one to run, and those to wait.
    turns: Option<(Semaphore, Semaphore)>,
    /// Whether the last event found no server, so that the fix is printed once.
    unreachable: AtomicBool,
}

/// Why a URL is not valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The text is not a URL.
    #[error("`{url}` is not a valid URL: expected one such as http://127.0.0.1:9000")]
    Malformed {
        /// The text.
        url: String,
    },
    /// The scheme is not `http`.
    #[error("`{url}` is not an http:// URL: expected one such as http://127.0.0.1:9000")]
    Scheme {
        /// The text.
        url: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    error_type: Option<String>,
    error_message: Option<String>,
    status_code: Option<serde_json::Value>,
}

impl RemoteFunction {
    /// Returns a function behind a URL. Lambda's path with the function's name is added to a URL without a path. Any
    /// other path stays unchanged. `timeout` is the function's; a response may take [`MARGIN`] longer.
    ///
    /// # Errors
    ///
    /// [`UrlError`]. The server need not be running yet.
    pub fn new(url: &str, function: &str, timeout: Duration) -> Result<RemoteFunction, UrlError> {
        let malformed = || UrlError::Malformed {
            url: url.to_owned(),
        };
        let mut uri: Uri = url.parse().map_err(|_| malformed())?;
        match (uri.scheme_str(), uri.authority()) {
            (Some("http"), Some(_)) => {}
            (Some(_), Some(_)) => {
                return Err(UrlError::Scheme {
                    url: url.to_owned(),
                });
            }
            _ => return Err(malformed()),
        }
        if uri.path() == "/" && uri.query().is_none() {
            let name = utf8_percent_encode(function, NON_ALPHANUMERIC)
                .to_string()
                .replace("%2D", "-")
                .replace("%5F", "_");
            let path = format!("/2015-03-31/functions/{name}/invocations");
            let mut parts = uri.into_parts();
            parts.path_and_query = Some(path.parse().map_err(|_| malformed())?);
            uri = Uri::from_parts(parts).map_err(|_| malformed())?;
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        // The emulator has this fixed name, and crashes when a second event arrives before the first response.
        let is_the_emulators = uri.path().ends_with("/functions/function/invocations");
        Ok(RemoteFunction {
            shared: Arc::new(Shared {
                client,
                uri,
                timeout,
                turns: is_the_emulators.then(turns),
                unreachable: AtomicBool::new(false),
            }),
        })
    }

    /// Limits the function to one event at a time. This is the default for the Runtime Interface Emulator, which cannot
    /// handle more.
    pub fn serial(self) -> RemoteFunction {
        let before = self.shared;
        RemoteFunction {
            shared: Arc::new(Shared {
                client: before.client.clone(),
                uri: before.uri.clone(),
                timeout: before.timeout,
                turns: Some(turns()),
                unreachable: AtomicBool::new(false),
            }),
        }
    }

    /// Returns the URL that events are posted to.
    pub fn url(&self) -> String {
        self.shared.uri.to_string()
    }

    /// Returns the function's name, if the path is Lambda's.
    pub fn function(&self) -> Option<&str> {
        let (_, rest) = self.shared.uri.path().split_once("/functions/")?;
        rest.strip_suffix("/invocations")
    }

    /// Posts an event and waits for the response. Cancel-safe: a posted event runs to its end without the caller.
    ///
    /// # Errors
    ///
    /// [`InvokeError::Handler`] for the function's own errors, [`InvokeError::TimedOut`] without a response in time,
    /// [`InvokeError::Throttled`] if too many events wait, [`InvokeError::Unreachable`] if no server responds or it
    /// does not have the function. Nothing is retried.
    pub async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let shared = self.shared.clone();
        // A separate task, because a cancelled caller would end the request and its turn, but not the function's work.
        let answer = tokio::spawn(async move { shared.take_turn(event).await });
        answer.await.unwrap_or(Err(InvokeError::Stopped))
    }
}

impl Target for RemoteFunction {
    fn invoke<'a>(&'a self, event: Bytes, _: &'a str) -> ResponseFuture<'a> {
        Box::pin(RemoteFunction::invoke(self, event))
    }
}

fn turns() -> (Semaphore, Semaphore) {
    (Semaphore::new(1), Semaphore::new(QUEUE))
}

impl Shared {
    async fn take_turn(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let Some((turns, places)) = &self.turns else {
            return self.post(event).await;
        };
        let place = places.try_acquire().map_err(|_| InvokeError::Throttled)?;
        let patience = self.timeout + MARGIN;
        let turn = match timeout(patience, turns.acquire()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) | Err(_) => return Err(InvokeError::Throttled),
        };
        drop(place);
        let answer = self.post(event).await;
        drop(turn);
        answer
    }

    async fn post(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let mut request = Request::new(Full::new(event));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        let exchange = async {
            let response = match self.client.request(request).await {
                Ok(response) => response,
                Err(error) if error.is_connect() => return Err(self.not_listening()),
                Err(_) => return Err(broken()),
            };
            let (parts, body) = response.into_parts();
            let body = Body::read(body, RESPONSE_LIMIT, self.timeout)
                .await
                .ok_or_else(broken)?;
            if body.size > RESPONSE_LIMIT {
                return Err(InvokeError::TooLarge { size: body.size });
            }
            self.answer(parts.status, &parts.headers, body.bytes)
        };
        match timeout(self.timeout + MARGIN, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(InvokeError::TimedOut {
                after: self.timeout + MARGIN,
            }),
        }
    }

    fn answer(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Bytes, InvokeError> {
        if status == StatusCode::NOT_FOUND {
            return Err(self.unknown());
        }
        self.unreachable.store(false, Ordering::Relaxed);
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(InvokeError::Throttled);
        }
        let report = serde_json::from_slice::<Report>(&body).ok();
        // Some emulators mark a function's error only by the format of the body.
        let looks_like_one = report.as_ref().is_some_and(|report| {
            report.error_type.is_some()
                && report.error_message.is_some()
                && report.status_code.is_none()
        });
        if status.is_success() && !headers.contains_key("x-amz-function-error") && !looks_like_one {
            return Ok(body);
        }
        let (error_type, message) = match report {
            Some(report) => (report.error_type, report.error_message),
            None => (None, None),
        };
        let status = || match status.is_success() {
            true => "Unhandled".to_owned(),
            false => format!("status {}", status.as_u16()),
        };
        Err(InvokeError::Handler {
            error_type: error_type.unwrap_or_else(status),
            message: message.unwrap_or_else(|| String::from_utf8_lossy(&body).trim().to_owned()),
            report: body,
        })
    }

    fn not_listening(&self) -> InvokeError {
        let at = self
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        self.once(
            format!("no server listens at {at}"),
            "start the program that runs the function, such as `cargo lambda watch`, with the printed environment",
        )
    }

    fn unknown(&self) -> InvokeError {
        self.once(
            format!("{} is not found", self.uri),
            "use the whole URL of the function's invocations, such as \
             http://127.0.0.1:9000/2015-03-31/functions/NAME/invocations",
        )
    }

    /// Returns the error, the first time with the fix.
    fn once(&self, what: String, remedy: &str) -> InvokeError {
        let reason = match self.unreachable.swap(true, Ordering::Relaxed) {
            true => what,
            false => format!("{what}: {remedy}"),
        };
        InvokeError::Unreachable { reason }
    }
}

/// It is unknown whether the event was handled.
fn broken() -> InvokeError {
    InvokeError::Unreachable {
        reason: "the connection to the program that runs the function was lost: check its log"
            .to_owned(),
    }
}
