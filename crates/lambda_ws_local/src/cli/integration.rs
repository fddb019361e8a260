//! Functions behind routes.

use bytes::Bytes;
use lambda_ws_local::function::{Config, Function, InvokeError, StartError};
use lambda_ws_local::gateway::{Integration, IntegrationError, Invocation};
use lambda_ws_local::lambda::{Answer, Target};
use lambda_ws_local::remote::Remote;
use std::sync::{Arc, OnceLock};

/// Who runs a function.
pub(super) enum Runner {
    Here(Function),
    Elsewhere(Remote),
}

/// A function that is started after the gateway, because it is told the gateway's address.
#[derive(Clone, Default)]
pub(super) struct LateFunction(Arc<OnceLock<Runner>>);

impl LateFunction {
    pub(super) fn started(&self, runner: Runner) {
        // Each is started once; a second would be dropped, and with it its processes.
        let _ = self.0.set(runner);
    }

    /// Goes on with another program, or in another way.
    pub(super) async fn replace(&self, config: Config) -> Result<(), StartError> {
        match self.0.get() {
            Some(Runner::Here(function)) => function.replace(config).await,
            // What others run, others replace.
            Some(Runner::Elsewhere(_)) => Ok(()),
            None => Err(StartError::Stopped),
        }
    }

    pub(super) async fn stop(&self) {
        if let Some(Runner::Here(function)) = self.0.get() {
            function.stop().await;
        }
    }
}

impl Target for LateFunction {
    fn invoke<'a>(&'a self, event: Bytes, request_id: &'a str) -> Answer<'a> {
        match self.0.get() {
            Some(Runner::Here(function)) => Target::invoke(function, event, request_id),
            Some(Runner::Elsewhere(remote)) => Target::invoke(remote, event, request_id),
            None => Box::pin(async { Err(InvokeError::Pending) }),
        }
    }
}

impl Integration for LateFunction {
    fn invoke(&self, event: Bytes, _: &str) -> Invocation {
        let this = self.clone();
        Box::pin(async move {
            let request_id = lambda_ws_local::function::request_id();
            let answer = Target::invoke(&this, event, &request_id).await;
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
