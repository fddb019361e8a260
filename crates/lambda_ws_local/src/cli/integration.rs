//! Functions behind routes.

use bytes::Bytes;
use lambda_ws_local::activity::{Observer, Observers};
use lambda_ws_local::console::{Functions, Invoked};
use lambda_ws_local::function::{Config, Function, InvokeError, StartError};
use lambda_ws_local::gateway::{Integration, IntegrationError, Invocation};
use lambda_ws_local::lambda::{Answer, Target};
use lambda_ws_local::remote::Remote;
use lambda_ws_local::template;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Who runs a function.
pub(super) enum Runner {
    Here(Function),
    Elsewhere(Remote),
}

/// A function that is started after the gateway, because it is told the gateway's address.
#[derive(Clone)]
pub(super) struct LateFunction {
    /// As events of the observers have it.
    name: Arc<str>,
    observers: Observers,
    runner: Arc<OnceLock<Runner>>,
}

impl LateFunction {
    pub(super) fn new(name: &str, observers: Observers) -> Self {
        Self {
            name: name.into(),
            observers,
            runner: Arc::default(),
        }
    }

    pub(super) fn started(&self, runner: Runner) {
        // Each is started once; a second would be dropped, and with it its processes.
        let _ = self.runner.set(runner);
    }

    /// Gives it an event, which the observers is told of; `gateway` is the request id of the gateway, if it is its event.
    async fn ask(
        &self,
        event: Bytes,
        request_id: &str,
        gateway: Option<&str>,
    ) -> Result<Bytes, InvokeError> {
        self.observers
            .invocation_begun(&self.name, request_id, gateway, &event);
        let begun = Instant::now();
        let asked = Asked {
            observers: &self.observers,
            request_id,
            begun,
            answered: false,
        };
        let answer = match self.runner.get() {
            Some(Runner::Here(function)) => function.invoke(event, request_id).await,
            Some(Runner::Elsewhere(remote)) => remote.invoke(event).await,
            None => Err(InvokeError::Pending),
        };
        asked.answered(&answer);
        answer
    }

    /// Goes on with another program, or in another way.
    pub(super) async fn replace(&self, config: Config) -> Result<(), StartError> {
        match self.runner.get() {
            Some(Runner::Here(function)) => function.replace(config).await,
            // What others run, others replace.
            Some(Runner::Elsewhere(_)) => Ok(()),
            None => Err(StartError::Stopped),
        }
    }

    pub(super) async fn stop(&self) {
        if let Some(Runner::Here(function)) = self.runner.get() {
            function.stop().await;
        }
    }
}

/// An event that is asked about: whoever asks may go away.
struct Asked<'a> {
    observers: &'a Observers,
    request_id: &'a str,
    begun: Instant,
    answered: bool,
}

impl Asked<'_> {
    fn answered(mut self, answer: &Result<Bytes, InvokeError>) {
        self.answered = true;
        let error = answer.as_ref().err().map(told).unwrap_or_default();
        let result = answer.as_ref().map_err(|_| &*error);
        self.observers
            .invocation_ended(self.request_id, self.begun.elapsed(), result);
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.answered {
            let gone = Err("nobody waits for the answer any more");
            self.observers
                .invocation_ended(self.request_id, self.begun.elapsed(), gone);
        }
    }
}

/// All functions, as the console sees them.
pub(super) struct All(pub(super) HashMap<String, LateFunction>);

impl Functions for All {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.values().map(|one| one.name.to_string()).collect();
        names.sort();
        names
    }

    fn invoke(&self, function: &str, event: Bytes) -> Invoked {
        let found = self.0.values().find(|one| *one.name == *function).cloned();
        let unknown = format!("there is no function `{function}`");
        Box::pin(async move {
            let function = found.ok_or(unknown)?;
            let request_id = lambda_ws_local::function::request_id();
            let answer = function.ask(event, &request_id, None).await;
            answer.map_err(|error| told(&error))
        })
    }

    fn freezes(&self) -> Option<bool> {
        let mut runners = self.0.values().filter_map(|one| one.runner.get());
        runners.find_map(|runner| match runner {
            Runner::Here(function) => Some(function.freezes()),
            Runner::Elsewhere(_) => None,
        })
    }

    fn set_freeze(&self, on: bool) {
        for runner in self.0.values().filter_map(|one| one.runner.get()) {
            if let Runner::Here(function) = runner {
                function.set_freeze(on);
            }
        }
    }
}

/// An error and what caused it, in one line.
fn told(error: &InvokeError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What answers a route without a function: always the same.
pub(super) struct StandIn(Result<Bytes, IntegrationError>);

impl StandIn {
    pub(super) fn new(integration: &template::Integration) -> Self {
        Self(match integration {
            template::Integration::Mock(mock) => {
                let response = json!({"statusCode": mock.status, "body": mock.body});
                Ok(response.to_string().into())
            }
            template::Integration::Unsupported(why) => {
                Err(IntegrationError::Unsupported(why.clone()))
            }
            template::Integration::Function(id) => {
                Err(IntegrationError::Unsupported(format!("function `{id}`")))
            }
        })
    }
}

impl Integration for StandIn {
    fn invoke(&self, _: Bytes, _: &str) -> Invocation {
        Box::pin(std::future::ready(self.0.clone()))
    }
}

impl Target for LateFunction {
    fn invoke<'a>(&'a self, event: Bytes, request_id: &'a str) -> Answer<'a> {
        Box::pin(self.ask(event, request_id, None))
    }
}

impl Integration for LateFunction {
    fn invoke(&self, event: Bytes, gateway: &str) -> Invocation {
        let (this, gateway) = (self.clone(), gateway.to_owned());
        Box::pin(async move {
            let request_id = lambda_ws_local::function::request_id();
            let answer = this.ask(event, &request_id, Some(&gateway)).await;
            answer.map_err(|error| match error {
                InvokeError::Throttled => IntegrationError::Throttled,
                InvokeError::Pending | InvokeError::Unreachable { .. } => {
                    IntegrationError::Unavailable(error.to_string())
                }
                InvokeError::Handler {
                    error_type,
                    message,
                    ..
                } => IntegrationError::Handler {
                    error_type,
                    message,
                },
                error => IntegrationError::Function(error.to_string()),
            })
        })
    }
}
