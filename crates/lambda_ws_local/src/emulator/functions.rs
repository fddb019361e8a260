//! The functions of a project, as routes, the console and Lambda's Invoke API use them.

use super::endpoint_hint::EndpointHint;
use super::failure::Failure;
use super::report::{Notice, Reporter};
use crate::activity::{Observer as _, Observers};
use crate::console::{self, Invoked};
use crate::error_text::error_text;
use crate::function::{Config, Function, InvokeError, LogLine, StartError, request_id};
use crate::gateway::{Integration, IntegrationError, Invocation};
use crate::lambda::{ResponseFuture, Target};
use crate::remote::RemoteFunction;
use crate::template;
use bytes::Bytes;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::sync::mpsc;

/// The maximum number of waiting log lines of a function.
const LOG_LINES: usize = 1000;

pub(super) enum Runner {
    /// Runs in processes of this emulator.
    Local(Function),
    /// Runs in another program, which this emulator invokes.
    Remote(RemoteFunction),
}

/// A function that starts after the gateway, because its environment contains the gateway's address.
#[derive(Clone)]
pub(super) struct FunctionHandle {
    /// The name in observers' events.
    name: Arc<str>,
    observers: Observers,
    runner: Arc<OnceLock<Runner>>,
}

impl FunctionHandle {
    pub(super) fn new(name: &str, observers: Observers) -> Self {
        Self {
            name: name.into(),
            observers,
            runner: Arc::default(),
        }
    }

    pub(super) fn set_runner(&self, runner: Runner) {
        // Each function starts once. A second runner would be dropped with its processes.
        let _ = self.runner.set(runner);
    }

    /// Invokes the function and reports the call to the observers. `gateway` is the request id of an event of the gateway.
    async fn call(
        &self,
        event: Bytes,
        request_id: &str,
        gateway: Option<&str>,
    ) -> Result<Bytes, InvokeError> {
        self.observers
            .invocation_begun(&self.name, request_id, gateway, &event);
        let begun = Instant::now();
        let pending = PendingCall {
            observers: &self.observers,
            request_id,
            begun,
            answered: false,
        };
        let answer = match self.runner.get() {
            Some(Runner::Local(function)) => function.invoke(event, request_id).await,
            Some(Runner::Remote(remote)) => remote.invoke(event).await,
            None => Err(InvokeError::Pending),
        };
        pending.end(&answer);
        answer
    }

    /// Starts the function's first process, and forwards its log.
    pub(super) async fn start(
        &self,
        config: Config,
        reporter: &Reporter,
        hint: Option<Arc<EndpointHint>>,
    ) -> Result<(), Failure> {
        let (log, mut lines) = mpsc::channel::<LogLine>(LOG_LINES);
        let (function, observers, reporter) =
            (self.name.clone(), self.observers.clone(), reporter.clone());
        tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                if let Some(hint) = &hint {
                    hint.log(&line.text);
                }
                let (function, line) = (&*function, &line);
                reporter.report(Notice::Log { function, line });
                observers.log_line(function, line);
            }
        });
        self.set_runner(Runner::Local(Function::start(config, log).await?));
        Ok(())
    }

    /// Replaces the program or its configuration.
    pub(super) async fn replace(&self, config: Config) -> Result<(), StartError> {
        match self.runner.get() {
            Some(Runner::Local(function)) => function.replace(config).await,
            // The other program reloads its code itself.
            Some(Runner::Remote(_)) => Ok(()),
            None => Err(StartError::Stopped),
        }
    }

    pub(super) async fn stop(&self) {
        if let Some(Runner::Local(function)) = self.runner.get() {
            function.stop().await;
        }
    }
}

/// A call without a response yet. It is reported as ended even if its caller drops it.
struct PendingCall<'a> {
    observers: &'a Observers,
    request_id: &'a str,
    begun: Instant,
    answered: bool,
}

impl PendingCall<'_> {
    fn end(mut self, answer: &Result<Bytes, InvokeError>) {
        self.answered = true;
        let error = answer.as_ref().err().map(|error| error_text(error));
        let error = error.unwrap_or_default();
        let result = answer.as_ref().map_err(|_| &*error);
        self.observers
            .invocation_ended(self.request_id, self.begun.elapsed(), result);
    }
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        if !self.answered {
            let dropped = Err("the caller stopped waiting for the response");
            self.observers
                .invocation_ended(self.request_id, self.begun.elapsed(), dropped);
        }
    }
}

pub(super) type Functions = HashMap<String, FunctionHandle>;

pub(super) struct ConsoleFunctions(pub(super) Functions);

impl console::Functions for ConsoleFunctions {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.values().map(|one| one.name.to_string()).collect();
        names.sort();
        names
    }

    fn invoke(&self, function: &str, event: Bytes) -> Invoked {
        let found = self.0.values().find(|one| *one.name == *function).cloned();
        let unknown = format!("unknown function `{function}`");
        Box::pin(async move {
            let function = found.ok_or(unknown)?;
            let request_id = request_id();
            let answer = function.call(event, &request_id, None).await;
            answer.map_err(|error| error_text(&error))
        })
    }

    fn freezes(&self) -> Option<bool> {
        let mut runners = self.0.values().filter_map(|one| one.runner.get());
        runners.find_map(|runner| match runner {
            Runner::Local(function) => Some(function.freezes()),
            Runner::Remote(_) => None,
        })
    }

    fn set_freeze(&self, on: bool) {
        for runner in self.0.values().filter_map(|one| one.runner.get()) {
            if let Runner::Local(function) = runner {
                function.set_freeze(on);
            }
        }
    }
}

/// The integration of a route without a function. It always returns the same response.
pub(super) struct FixedResponse(Result<Bytes, IntegrationError>);

impl FixedResponse {
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

impl Integration for FixedResponse {
    fn invoke(&self, _: Bytes, _: &str) -> Invocation {
        Box::pin(std::future::ready(self.0.clone()))
    }
}

impl Target for FunctionHandle {
    fn invoke<'a>(&'a self, event: Bytes, request_id: &'a str) -> ResponseFuture<'a> {
        Box::pin(self.call(event, request_id, None))
    }
}

impl Integration for FunctionHandle {
    fn invoke(&self, event: Bytes, gateway: &str) -> Invocation {
        let (this, gateway) = (self.clone(), gateway.to_owned());
        Box::pin(async move {
            let request_id = request_id();
            let answer = this.call(event, &request_id, Some(&gateway)).await;
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
