//! The end of the program.

use super::runtime::{Runtime, RuntimeClient};
use crate::error::BoxError;
use crate::sync::detach;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

const REGISTER: &str = "/2020-01-01/extension/register";
const EVENT: &str = "/2020-01-01/extension/event/next";
const NAME: HeaderName = HeaderName::from_static("lambda-extension-name");
const ID: HeaderName = HeaderName::from_static("lambda-extension-identifier");

/// The name of the internal extension. The names of a function's extensions are different.
const EXTENSION: HeaderValue = HeaderValue::from_static("lambda-ws-shutdown");

/// How long the hook may take. Lambda kills the process after 500 ms, or after 2 s if the function has an external
/// extension.
const LIMIT: Duration = Duration::from_secs(2);

/// How long the registration may take. It is answered at once, or not at all.
const REGISTRATION: Duration = Duration::from_secs(2);

/// The pause before the extension asks again for an event, if the Runtime API did not keep its request.
const RETRY: Duration = Duration::from_secs(1);

/// The work at the end of the program.
pub(super) type Hook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// The work at the end of the program, and what waits for that end.
pub(super) struct Shutdown {
    hook: Hook,
    signals: Signals,
}

impl Shutdown {
    /// Prepares the end of the program. Lambda sends SIGTERM only to functions with an extension, so this registers
    /// one that subscribes to no events.
    pub(super) async fn prepare(hook: Hook, runtime: &Runtime) -> Result<Self, BoxError> {
        let signals = Signals::new()?;
        let client = runtime.client().clone();
        match timeout(REGISTRATION, register(&client)).await {
            Ok(Ok(id)) => detach(wait(client, id)),
            Ok(Err(error)) => warn_of(&*error),
            Err(late) => warn_of(&late),
        }
        Ok(Self { hook, signals })
    }

    /// Runs `events` until they end or the process is asked to end, and then the hook. Events go on beside the hook.
    pub(super) async fn after(
        self,
        events: impl Future<Output = Result<(), BoxError>>,
    ) -> Result<(), BoxError> {
        let Self { hook, mut signals } = self;
        let mut events = pin!(events);
        let ended = tokio::select! {
            biased;
            () = signals.received() => None,
            ended = &mut events => Some(ended),
        };
        let mut hook = pin!(timeout(LIMIT, hook()));
        let finished = match ended {
            Some(_) => hook.await,
            None => tokio::select! {
                finished = &mut hook => finished,
                _ = &mut events => hook.await,
            },
        };
        if finished.is_err() {
            warn!("the shutdown hook did not end within {LIMIT:?}");
        }
        ended.unwrap_or(Ok(()))
    }
}

fn warn_of(error: &(dyn std::error::Error + 'static)) {
    warn!(
        error,
        "no extension is registered: the shutdown hook runs only if something else sends SIGTERM"
    );
}

/// Registers the extension, and returns its identifier.
async fn register(client: &RuntimeClient) -> Result<HeaderValue, BoxError> {
    let headers = HeaderMap::from_iter([(NAME, EXTENSION)]);
    let response = client.post(REGISTER, headers, r#"{"events":[]}"#).await?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("the Runtime API answers {REGISTER} with {status}").into());
    }
    let id = response.headers().get(ID).cloned();
    // The connection is free once the body is read.
    response.into_body().collect().await?;
    id.ok_or_else(|| format!("the Runtime API answers {REGISTER} without {ID}").into())
}

/// Asks for events of the extension. There are none, but Lambda waits for the request before it sends the first event
/// of the function.
async fn wait(client: RuntimeClient, id: HeaderValue) {
    loop {
        let headers = HeaderMap::from_iter([(ID, id.clone())]);
        if let Err(error) = client.get(EVENT, headers).await {
            debug!(error = &*error, "the extension's request has ended");
        }
        sleep(RETRY).await;
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Lambda runs on Linux. Elsewhere the hook runs after Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn received(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
